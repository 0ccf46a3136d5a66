// Package canary takes an application with secrets of every kind through scan, probe,
// convert, render, image and the drills of staging, and through a failure of each, and
// then looks for the secrets everywhere. Its tests carry the build tag lab.
package canary
