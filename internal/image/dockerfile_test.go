package image

import (
	"strings"
	"testing"
)

func TestDockerfile(t *testing.T) {
	for what, c := range map[string]struct{ text, from, user string }{
		"one stage":                {"FROM registry.golemtrust.am/base/debian:12\nUSER app\n", "registry.golemtrust.am/base/debian:12", "app"},
		"the last stage":           {"FROM golang:1.26 AS build\nUSER root\nFROM registry.golemtrust.am/base/static:1\nCOPY --from=build /a /a\n", "registry.golemtrust.am/base/static:1", ""},
		"a stage upon a stage":     {"FROM debian:12 AS Base\nUSER 1000\nFROM base AS tools\nFROM tools\n", "debian:12", "1000"},
		"a stage has its own user": {"FROM debian:12 AS base\nUSER 1000\nFROM base\nUSER root\nUSER 65532\n", "debian:12", "65532"},
		"a stage hides an image":   {"FROM scratch AS debian\nFROM debian\n", scratch, ""},
		"a later stage does not":   {"FROM debian AS x\nFROM debian:12\n", "debian:12", ""},
		"an ARG with a default":    {"ARG TAG=12\nARG BASE=registry.golemtrust.am/base/debian:${TAG}\nFROM $BASE\n", "registry.golemtrust.am/base/debian:12", ""},
		"an ARG with a fallback":   {"ARG TAG\nFROM debian:${TAG:-12}\n", "debian:12", ""},
		"a digest and a platform":  {"FROM --platform=linux/amd64 debian@sha256:3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a AS x\n", "debian@sha256:3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a", ""},
		"escape is a backtick":     {"# escape=`\nFROM debian:12\nRUN a `\n  b\n", "debian:12", ""},
		"a heredoc":                {"FROM debian:12\nRUN <<EOF\nFROM evil\nEOF\n", "debian:12", ""},
	} {
		got, err := Dockerfile([]byte(c.text))
		if err != nil || got.From != c.from || got.User != c.user || got.By != "dockerfile" {
			t.Errorf("%s: %+v, %v; wanted from %q as %q", what, got, err, c.from, c.user)
		}
	}
}

// What decides only at build time is unknown, and never the shorter name that is
// left without it.
func TestDockerfileThatDoesNotTell(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "is no Dockerfile",
		"# nothing\n":             "is no Dockerfile",
		"RUN x\n":                 "is no Dockerfile",
		"ARG BASE\nFROM $BASE\n":  "ARG BASE has no default",
		"FROM debian:$TAG\n":      "line 1: FROM debian:$TAG: ARG TAG has no default",
		"FROM ${BASE:-}\n":        "names no base",
		"FROM debian:12 AS 9 x\n": "is no Dockerfile",
	} {
		if got, err := Dockerfile([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; wanted %q", text, got, err, want)
		}
	}
}

func FuzzDockerfile(f *testing.F) {
	f.Add([]byte("ARG A=b\nFROM $A AS x\nFROM x\nUSER ${A}\n"))
	f.Add([]byte("# escape=`\nFROM a`\n:1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Dockerfile(text)
		if err == nil && got.From == "" {
			t.Errorf("%q is a Dockerfile without a base", text)
		}
	})
}
