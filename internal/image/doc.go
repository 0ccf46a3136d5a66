// Package image says what a container image stands on: from the Dockerfile that
// it is built from, from the labels of the image, or from the layers that it
// shares with an approved base. It reads registries and files and changes none.
//
// It must not know whether a base is good enough: that is readiness's judgement.
package image
