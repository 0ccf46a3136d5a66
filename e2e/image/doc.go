// Package image builds an image of the lab's bank from its machine, pushes it to the
// lab's registry, and lets a pod pull it by its digest and serve. Its tests carry the
// build tag lab.
package image
