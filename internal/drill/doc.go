// Package drill makes the experiments of the staging environment: pods are deleted
// under load, a session is replayed on another pod, the mounted configuration is
// compared with the machine's, and what a pod names and talks to is looked at.
//
// It declares what it needs of a cluster, of machines and of a load, so that each
// experiment can be made without them. It must not know how a pod is reached, nor
// what a result leads to. What an experiment took away it gives back, and what it
// made it removes, also where its context ended. Cookies and what files hold stay in
// memory; a result has paths, addresses, counts and keyed hashes.
package drill
