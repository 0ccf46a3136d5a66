// Package inventory is the vocabulary of what can be seen of one application on
// one machine: the facts that a probe takes and that readiness judges. Its JSON
// form is the format of a facts file; Format names its version.
//
// It knows neither how a fact is taken (package collect does) nor what it means
// (package readiness does), and it holds no secret: of an environment variable
// the name, of a secret the place. A name that is no UTF-8 is written with its
// bytes escaped, see Name.
package inventory
