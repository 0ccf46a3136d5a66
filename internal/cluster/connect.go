package cluster

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// connection are the clients to one API server; they share its connections.
type connection struct {
	config  *rest.Config
	dynamic dynamic.Interface
	meta    metadata.Interface
	rest    rest.Interface // for what is no object: logs, port-forward
}

// connect reads the kubeconfig, once it was read well never again.
func (c *Cluster) connect() (*connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		return c.conn, nil
	}
	config, err := c.restConfig()
	if err != nil {
		return nil, &Error{
			Op: "cluster " + c.name, Why: "no usable configuration", Err: err,
			hint: fmt.Sprintf("check the settings %s and %s of cluster %s in the policy: kubectl config get-contexts",
				settingKubeconfig, settingContext, c.name),
		}
	}
	conn, err := dial(config)
	if err != nil {
		return nil, &Error{
			Op: "cluster " + c.name, Why: "no usable credentials", Err: err,
			hint: "check the certificates and the credential plugin that the kubeconfig names",
		}
	}
	c.conn = conn
	return conn, nil
}

func (c *Cluster) restConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if c.kubeconfig != "" {
		rules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: c.kubeconfig}
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: c.context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.UserAgent = FieldManager
	config.Timeout = c.timeout
	config.QPS = -1 // the server limits its clients itself
	config.WarningHandlerWithContext = rest.NoWarnings{}
	return config, nil
}

func dial(config *rest.Config) (*connection, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return dialWith(config, client)
}

func dialWith(config *rest.Config, client *http.Client) (*connection, error) {
	dyn, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	meta, err := metadata.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	plain := rest.CopyConfig(config)
	plain.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	r, err := rest.UnversionedRESTClientForConfigAndClient(plain, client)
	if err != nil {
		return nil, err
	}
	return &connection{config: config, dynamic: dyn, meta: meta, rest: r}, nil
}

// call makes one request with its own deadline and gives its error a meaning.
func (c *Cluster) call(ctx context.Context, r request, do func(context.Context, *connection) error) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	if err := do(ctx, conn); err != nil {
		return c.explain(r, conn.config.Host, err)
	}
	return nil
}

// get gives nil where there is no such object: a missing one is a fact.
func (c *Cluster) get(ctx context.Context, r request) (*unstructured.Unstructured, error) {
	r.verb = "get"
	var out *unstructured.Unstructured
	err := c.call(ctx, r, func(ctx context.Context, conn *connection) error {
		var err error
		out, err = conn.dynamic.Resource(r.resource).Namespace(r.namespace).Get(ctx, r.name, getOptions)
		return err
	})
	if isNotFound(err) {
		return nil, nil
	}
	return out, err
}

// list gives all objects of the resource in the namespace that the selector
// selects; the empty one selects all.
func (c *Cluster) list(ctx context.Context, r request, selector string) ([]unstructured.Unstructured, error) {
	r.verb = "list"
	var out []unstructured.Unstructured
	err := c.call(ctx, r, func(ctx context.Context, conn *connection) error {
		l, err := conn.dynamic.Resource(r.resource).Namespace(r.namespace).List(ctx, listOptions(selector))
		if err == nil {
			out = l.Items
		}
		return err
	})
	return out, err
}
