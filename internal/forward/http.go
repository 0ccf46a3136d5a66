package forward

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// requests is a port whose connections are led on request by request.
type requests struct {
	port      *port
	server    *http.Server
	transport *http.Transport
	proxy     *httputil.ReverseProxy
	mark      string // of CDN-Loop

	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once

	codes [6]atomic.Int64 // answers by the first digit of their code
}

const (
	headersFor = 30 * time.Second
	// idleClient bounds how long a client's connection waits for its next request.
	// Proxies and balancers keep theirs for a minute or two: they are to be the first.
	idleClient = 5 * time.Minute
	// idleTarget is shorter than servers wait for a next request (Node.js and Apache:
	// 5 s), so that no request is sent into a connection that is being closed.
	idleTarget = 2 * time.Second
)

func newRequests(p *port) *requests {
	r := &requests{port: p, mark: "rehome-forward;mark=" + p.f.mark, incoming: make(chan net.Conn), closed: make(chan struct{})}
	r.transport = &http.Transport{
		DialContext: r.dial, DialTLSContext: r.dial, DisableCompression: true,
		MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, IdleConnTimeout: idleTarget, ExpectContinueTimeout: time.Second,
	}
	r.proxy = &httputil.ReverseProxy{
		Rewrite: r.rewrite, Transport: r.transport, FlushInterval: -1, BufferPool: pooled{}, ErrorLog: log.New(io.Discard, "", 0),
		ModifyResponse: func(a *http.Response) error { r.count(a.StatusCode); return nil },
		ErrorHandler:   r.failed,
	}
	r.server = &http.Server{
		Handler: r, ReadHeaderTimeout: headersFor, IdleTimeout: min(idleClient, p.f.settings.Idle),
		DisableGeneralOptionsHandler: true, ErrorLog: log.New(io.Discard, "", 0),
	}
	return r
}

// dial reaches a target for the next requests, whoever asks them.
func (r *requests) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := r.port.pool.connect(ctx, header{})
	if err != nil {
		r.port.refused[refusedNoTarget].Add(1)
		return nil, fmt.Errorf("reach a target: %w", err)
	}
	return &counted{conn}, nil
}

func (r *requests) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	for _, one := range strings.Split(strings.Join(req.Header.Values("CDN-Loop"), ","), ",") {
		if strings.ReplaceAll(one, " ", "") == r.mark {
			r.port.refused[refusedLoop].Add(1)
			r.count(http.StatusLoopDetected)
			http.Error(w, "this request has been here before: the forwarder and what it leads to lead to each other", http.StatusLoopDetected)
			return
		}
	}
	if r.port.f.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	r.proxy.ServeHTTP(w, req)
}

// rewrite leaves a request as it came, but for what tells of its way.
func (r *requests) rewrite(pr *httputil.ProxyRequest) {
	in, out := pr.In, pr.Out
	out.URL.Scheme = string(r.port.route.Scheme)
	out.URL.Host = r.port.route.Targets[0].String() // the address is dial's
	out.URL.RawQuery = in.URL.RawQuery
	if path, _, _ := strings.Cut(in.RequestURI, "?"); strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") {
		out.URL.Opaque = path // its escapes as they are written
	}
	out.Header.Add("CDN-Loop", r.mark)
	r.tell(pr)
}

// tell writes who asked into the headers.
func (r *requests) tell(pr *httputil.ProxyRequest) {
	in, out := pr.In.Header, pr.Out.Header
	keep := r.port.route.Forwarded != Replace
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if came := in.Values(name); keep && len(came) > 0 {
			out[name] = came[:len(came):len(came)]
		}
	}
	client, _, err := net.SplitHostPort(pr.In.RemoteAddr)
	if r.port.route.Forwarded == None || err != nil {
		return
	}
	out.Set("X-Forwarded-For", strings.Join(append(out.Values("X-Forwarded-For"), client), ", "))
	for name, value := range map[string]string{"X-Forwarded-Host": pr.In.Host, "X-Forwarded-Proto": "http"} {
		if out.Get(name) == "" {
			out.Set(name, value)
		}
	}
	if r.port.route.RFC7239 {
		out.Add("Forwarded", forwardedElement(client, pr.In.Host))
	}
}

// forwardedElement is one of the header Forwarded, RFC 7239 section 4.
func forwardedElement(client, host string) string {
	if strings.Contains(client, ":") {
		client = "[" + client + "]"
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	return fmt.Sprintf(`for="%s";host="%s";proto=http`, quote.Replace(client), quote.Replace(host))
}

// failed answers a request that no target has answered. A client that has closed its
// half of the connection counts as gone.
func (r *requests) failed(w http.ResponseWriter, req *http.Request, _ error) {
	if req.Context().Err() != nil {
		panic(http.ErrAbortHandler) // or an empty answer would say that all went well
	}
	r.count(http.StatusBadGateway)
	http.Error(w, "no answer from where this leads", http.StatusBadGateway)
}

func (r *requests) count(code int) {
	if class := code / 100; class >= 2 && class < len(r.codes) {
		r.codes[class].Add(1)
	}
}

// take hands a connection to the server.
func (r *requests) take(s *session, from header) {
	conn := &asked{Conn: s.client, session: s, port: r.port, source: net.TCPAddrFromAddrPort(from.source)}
	select {
	case r.incoming <- conn:
	case <-r.closed:
		_ = conn.Close()
	}
}

func (r *requests) serve() { _ = r.server.Serve(handed{r}) }

// finish lets answers that are on their way arrive, and waits for nothing.
func (r *requests) finish(ctx context.Context) {
	if r != nil {
		go func() { _ = r.server.Shutdown(ctx) }()
	}
}

func (r *requests) close() {
	if r != nil {
		_ = r.server.Close()
		r.transport.CloseIdleConnections()
	}
}

// handed is the listener of connections that were accepted already.
type handed struct{ r *requests }

func (h handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.r.incoming:
		return c, nil
	case <-h.r.closed:
		return nil, net.ErrClosed
	}
}

func (h handed) Close() error {
	h.r.once.Do(func() { close(h.r.closed) })
	return nil
}

func (h handed) Addr() net.Addr { return h.r.port.listener.Addr() }

// asked is a client's connection. Closing it ends its session, once.
type asked struct {
	net.Conn
	session *session
	port    *port
	source  net.Addr
	closed  atomic.Bool
}

func (a *asked) RemoteAddr() net.Addr { return a.source }

func (a *asked) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	a.session.touch()
	return n, err
}

func (a *asked) Write(b []byte) (int, error) {
	n, err := a.Conn.Write(b)
	a.session.touch()
	return n, err
}

func (a *asked) Close() error {
	if a.closed.CompareAndSwap(false, true) {
		a.port.ended(a.session)
	}
	return a.Conn.Close()
}

// counted tells the target what goes through its connection.
type counted struct{ *led }

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.led.Read(b)
	c.to.toClient.Add(int64(n))
	return n, err
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.led.Write(b)
	c.to.toTarget.Add(int64(n))
	return n, err
}

// pooled lends the buffers of answers.
type pooled struct{}

func (pooled) Get() []byte  { return buffers.Get().(*[bufferSize]byte)[:] }
func (pooled) Put(b []byte) { buffers.Put((*[bufferSize]byte)(b)) }
