package drill

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// workers keep asking until the signal. So many are in flight on anything that takes
// a while.
const workers = 16

// warming is how long requests run before one is tried to be caught in flight.
const warming = 200 * time.Millisecond

// settling is how long a request stays with the application before it counts as in
// flight: one that is just being taken up from an idle connection may be dropped with
// that, and any client tries it again.
const settling = 10 * time.Millisecond

// siege is how hard it is tried for how long: with how many workers, until so many
// requests are caught.
var siege = []struct {
	workers, enough int
	last            time.Duration
}{
	{workers, workers / 4, time.Second},
	{workers, 1, 500 * time.Millisecond},
	{4 * workers, 1, 750 * time.Millisecond}, // it answers so fast that few are not enough
	{16 * workers, 1, 750 * time.Millisecond},
}

// flight is one request whose bytes were sent and whose answer is not whole yet.
type flight struct {
	conn   net.Conn // as it was dialled, below any TLS
	whole  atomic.Bool
	caught bool // it was being worked on when the signal went out
}

// waits says that nothing of the answer has arrived that is not read yet.
func (f *flight) waits() bool {
	raw, ok := f.conn.(syscall.Conn)
	if !ok {
		return false
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	unread := 1
	_ = control.Control(func(fd uintptr) {
		if n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil {
			unread = n
		}
	})
	return unread == 0 && !f.whole.Load()
}

// volley is the load around one signal.
type volley struct {
	to   endpoint
	path string
	wait time.Duration

	// Whoever holds it keeps requests from being sent: what is in flight at the
	// signal is then a fact.
	mu       sync.Mutex
	over     bool
	flying   map[*flight]bool
	answered int
	conns    map[net.Conn]bool
	workers  int
	all      sync.WaitGroup
}

// askUnderSignal loads the slowest path and sends the signal while requests are in
// flight. A request counts as in flight when the application has read it, by the
// receive queue at its end, and nothing of the answer waits at this one. What still
// waits at the application's end would be taken up by nobody, and any client tries
// it again.
func askUnderSignal(ctx context.Context, o order) (answers, error) {
	points := o.endpoints(ctx)
	if len(points) == 0 {
		return answers{}, errNotHTTP
	}
	v := &volley{to: points[0], wait: o.Patience, flying: map[*flight]bool{}, conns: map[net.Conn]bool{}}
	v.path = slowest(ctx, v.to, o)
	defer context.AfterFunc(ctx, v.closeAll)()
	at, caught, err := v.strike(ctx, o)
	patience := time.AfterFunc(o.Patience, v.closeAll)
	defer patience.Stop()
	v.all.Wait()
	return answers{Path: v.path, Port: v.to.port, Clients: v.workers, InFlight: caught, Answered: v.answered, Signal: at}, err
}

// slowest is the path whose answer takes longest, of those that answer 200, or else
// of those that are no failure. One further back in the order has to take twice as
// long: less is chance.
func slowest(ctx context.Context, p endpoint, o order) string {
	path, longest, well := o.Paths[0], time.Duration(-1), false
	for _, candidate := range o.Paths {
		begun := time.Now()
		status, err := p.get(ctx, candidate, o.Patience)
		took := time.Since(begun)
		if err != nil || status >= 500 || well && status != 200 {
			continue
		}
		if first := status == 200 && !well; first || took > 2*longest {
			path, longest, well = candidate, took, well || first
		}
	}
	return path
}

// strike waits until requests are in flight and sends the signal.
func (v *volley) strike(ctx context.Context, o order) (time.Time, int, error) {
	timer := time.NewTimer(warming)
	defer timer.Stop()
	end := time.Now().Add(warming)
	for _, stage := range siege {
		v.reinforce(ctx, stage.workers)
		end = end.Add(stage.last)
		for late := false; !late; {
			select {
			case <-timer.C:
			case <-ctx.Done():
				v.end()
				return time.Time{}, 0, ctx.Err()
			}
			late = time.Now().After(end)
			if at, n, err := v.tryStrike(o, stage.enough); n > 0 || err != nil {
				return at, n, err
			}
			timer.Reset(2 * time.Millisecond)
		}
	}
	v.end()
	return time.Time{}, 0, nil
}

// reinforce lets so many workers ask, every fourth on a new connection each time.
func (v *volley) reinforce(ctx context.Context, wanted int) {
	for ; v.workers < wanted; v.workers++ {
		keep := v.workers%4 != 0
		v.all.Go(func() { v.work(ctx, keep) })
	}
}

func (v *volley) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
}

// tryStrike sends the signal if enough requests are in flight, while none can be sent.
func (v *volley) tryStrike(o order, enough int) (time.Time, int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	caught, err := v.caught()
	if err == nil && len(caught) >= enough {
		time.Sleep(settling)
		caught, err = v.caught()
	}
	if err != nil {
		v.over = true
		return time.Time{}, 0, err
	}
	if len(caught) < enough {
		return time.Time{}, 0, nil
	}
	for _, f := range caught {
		f.caught = true
	}
	v.over = true
	at := time.Now()
	for _, pid := range o.PIDs {
		if err := syscall.Kill(pid, syscall.Signal(o.Signal)); err != nil {
			return at, 0, fmt.Errorf("signal the second instance: %w", err)
		}
	}
	return at, len(caught), nil
}

// caught are the requests that the application has read and not begun to answer.
// Whoever calls it holds the lock.
func (v *volley) caught() ([]*flight, error) {
	read, err := readByServer(v.to.port)
	if err != nil {
		return nil, err
	}
	var out []*flight // looked for last: reading the tables takes milliseconds
	for f := range v.flying {
		if read[f.conn.LocalAddr().String()] && f.waits() {
			out = append(out, f)
		}
	}
	return out, nil
}

func (v *volley) closeAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	for c := range v.conns {
		_ = c.Close()
	}
}

// work asks again and again until it is over or the server is gone.
func (v *volley) work(ctx context.Context, keep bool) {
	for ctx.Err() == nil && v.connection(ctx, keep) {
		if v.isOver() {
			return
		}
	}
}

func (v *volley) isOver() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.over
}

// connection makes one and uses it for as long as the server lets it.
func (v *volley) connection(ctx context.Context, keep bool) bool {
	if v.isOver() {
		return false
	}
	conn, err := v.to.dial(ctx)
	if err != nil {
		return !errors.Is(err, syscall.ECONNREFUSED)
	}
	defer conn.Close()
	v.mu.Lock()
	v.conns[conn] = true
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		delete(v.conns, conn)
		v.mu.Unlock()
	}()
	r := bufio.NewReader(conn)
	for {
		f := &flight{conn: below(conn)}
		if !v.take(f, conn, keep) {
			return true
		}
		_, more, err := receive(r)
		f.whole.Store(err == nil)
		v.land(f, err == nil)
		if err != nil || !more || !keep {
			return true
		}
	}
}

func below(conn net.Conn) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return conn
}

// take sends a request, unless the signal is out.
func (v *volley) take(f *flight, conn net.Conn, keep bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over || send(conn, v.path, keep) != nil {
		return false
	}
	v.flying[f] = true
	return true
}

func (v *volley) land(f *flight, whole bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.flying, f)
	if f.caught && whole {
		v.answered++
	}
}

// readByServer gives the client ends of those connections of the port that are
// accepted and have nothing unread: proc_net_tcp of the kernel's documentation.
func readByServer(port int) (map[string]bool, error) {
	out := map[string]bool{}
	for _, name := range []string{"tcp", "tcp6"} {
		rows, err := sockets("/proc/self/net/" + name)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.port == port && r.state == tcpEstablished && r.unread == 0 && r.inode != "0" {
				out[r.remote] = true
			}
		}
	}
	return out, nil
}

const (
	tcpEstablished = "01"
	tcpListen      = "0A"
)

// socket is one row of /proc/net/tcp. Unread is the receive queue in bytes.
type socket struct {
	port   int
	remote string
	state  string
	unread uint64
	inode  string
}

func sockets(file string) ([]socket, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // no IPv6
	}
	if err != nil {
		return nil, fmt.Errorf("read the sockets: %w", err)
	}
	var out []socket
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		if len(f) < 10 || f[0] == "sl" {
			continue
		}
		_, port, ok := hexAddress(f[1])
		ip, remotePort, ok2 := hexAddress(f[2])
		_, queue, _ := strings.Cut(f[4], ":")
		unread, err := strconv.ParseUint(queue, 16, 64)
		if !ok || !ok2 || err != nil {
			continue
		}
		out = append(out, socket{port, net.JoinHostPort(ip.String(), strconv.Itoa(remotePort)), f[3], unread, f[9]})
	}
	return out, nil
}

// hexAddress reads the kernel's form: words of four bytes in the machine's order,
// which is little-endian on every machine that is supported.
func hexAddress(s string) (net.IP, int, bool) {
	text, portText, ok := strings.Cut(s, ":")
	port, err := strconv.ParseUint(portText, 16, 16)
	if !ok || err != nil || len(text) != 8 && len(text) != 32 {
		return nil, 0, false
	}
	ip := make(net.IP, 0, 16)
	for i := 0; i < len(text); i += 8 {
		word, err := strconv.ParseUint(text[i:i+8], 16, 32)
		if err != nil {
			return nil, 0, false
		}
		ip = append(ip, byte(word), byte(word>>8), byte(word>>16), byte(word>>24))
	}
	return ip, int(port), true
}
