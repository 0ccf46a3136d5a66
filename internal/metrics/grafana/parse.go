package grafana

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// parse reads the part of PromQL that panels are made of: numbers, selectors, calls,
// aggregations and operators. What it does not know is an error, never skipped.
func parse(text string) (node, error) {
	p := parser{text: text}
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.text) {
		return nil, fmt.Errorf("what is %s?", p.near())
	}
	return n, nil
}

type parser struct {
	text  string
	at    int
	depth int
}

// mostDepth bounds what stands in what.
const mostDepth = 200

// levels are the binary operators by rising strength.
var levels = [][]string{{"or"}, {"and", "unless"}, {"==", "!=", ">=", "<=", ">", "<"}, {"+", "-"}, {"*", "/", "%"}, {"^"}}

var aggregations = []string{"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio"}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			p.at++
		case c == '#':
			if end := strings.IndexByte(p.text[p.at:], '\n'); end >= 0 {
				p.at += end
			} else {
				p.at = len(p.text)
			}
		default:
			return
		}
	}
}

func (p *parser) near() string {
	rest := p.text[p.at:]
	if len(rest) > 20 {
		rest = strings.ToValidUTF8(rest[:20], "") + "…"
	}
	return fmt.Sprintf("%q", rest)
}

func (p *parser) take(token string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	if isWord(token[0]) { // a word ends where it ends
		if end := p.at + len(token); end < len(p.text) && isWord(p.text[end]) {
			return false
		}
	}
	p.at += len(token)
	return true
}

func isWord(c byte) bool {
	return c == '_' || c == ':' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (p *parser) expression(level int) (node, error) {
	if level == len(levels) {
		return p.unary()
	}
	left, err := p.expression(level + 1)
	for err == nil {
		operator := ""
		for _, o := range levels[level] {
			if p.take(o) {
				operator = o
				break
			}
		}
		if operator == "" {
			return left, nil
		}
		if err := p.modifiers(); err != nil {
			return nil, err
		}
		var right node
		if right, err = p.expression(level + 1); err == nil {
			left = binary{operator, left, right}
			if _, a := left.(binary).left.(number); a {
				if _, b := right.(number); b {
					left = number{}
				}
			}
		}
	}
	return nil, err
}

// modifiers are those behind an operator: bool, on (…), group_left (…).
func (p *parser) modifiers() error {
	p.take("bool")
	for _, word := range []string{"on", "ignoring", "group_left", "group_right"} {
		if !p.take(word) {
			continue
		}
		if p.take("(") {
			if err := p.names(); err != nil {
				return err
			}
		} else if !strings.HasPrefix(word, "group") {
			return fmt.Errorf("want ( behind %s", word)
		}
	}
	return nil
}

// names reads labels up to the closing parenthesis.
func (p *parser) names() error {
	for !p.take(")") {
		if p.word() == "" {
			return fmt.Errorf("want the name of a label at %s", p.near())
		}
		p.take(",")
	}
	return nil
}

func (p *parser) word() string {
	p.space()
	start := p.at
	for p.at < len(p.text) && isWord(p.text[p.at]) {
		p.at++
	}
	return p.text[start:p.at]
}

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > mostDepth {
		return nil, errors.New("it is too deep")
	}
	defer func() { p.depth-- }()
	if p.take("-") || p.take("+") {
		n, err := p.unary()
		if _, ok := n.(number); !ok && err == nil {
			return nil, errors.New("a sign before a counter is not taken back to it")
		}
		return n, err
	}
	if p.take("(") {
		n, err := p.expression(0)
		if err == nil && !p.take(")") {
			err = fmt.Errorf("want ) at %s", p.near())
		}
		if err == nil {
			err = p.nothingBehind()
		}
		return n, err
	}
	if p.space(); p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c >= '0' && c <= '9' || c == '.':
			return p.number()
		case c == '"' || c == '\'' || c == '`':
			_, err := p.quoted()
			return number{}, err // an argument such as a label's name
		case c == '{':
			return p.selector(p.at)
		}
	}
	start := p.at
	name := p.word()
	switch p.space(); {
	case name == "":
		return nil, fmt.Errorf("want an expression at %s", p.near())
	case slices.Contains([]string{"inf", "nan"}, strings.ToLower(name)):
		return number{}, nil
	case slices.Contains(aggregations, name) && p.aggregates():
		return p.sum(name)
	case p.take("("):
		args, err := p.args()
		if err == nil {
			err = p.nothingBehind()
		}
		return call{name, args}, err
	}
	return p.selector(start)
}

func (p *parser) number() (node, error) {
	start := p.at
	for p.at < len(p.text) && (isWord(p.text[p.at]) || p.text[p.at] == '.' ||
		(p.text[p.at] == '-' || p.text[p.at] == '+') && strings.ContainsRune("eE", rune(p.text[p.at-1])) && p.at > start) {
		p.at++
	}
	return number{}, nil
}

// nothingBehind refuses a range or a shift of what was computed.
func (p *parser) nothingBehind() error {
	if p.take("[") {
		return errors.New("a subquery is not taken back to counters")
	}
	if p.take("offset") || p.take("@") {
		return errors.New("it is shown at another time (offset or @)")
	}
	return nil
}

func (p *parser) aggregates() bool {
	at := p.at
	defer func() { p.at = at }()
	return p.take("(") || p.take("by") || p.take("without")
}

func (p *parser) grouping() error {
	if p.take("by") || p.take("without") {
		if !p.take("(") {
			return fmt.Errorf("want ( at %s", p.near())
		}
		return p.names()
	}
	return nil
}

func (p *parser) sum(kind string) (node, error) {
	if err := p.grouping(); err != nil {
		return nil, err
	}
	if !p.take("(") {
		return nil, fmt.Errorf("want ( behind %s", kind)
	}
	args, err := p.args()
	if err == nil {
		err = p.grouping()
	}
	if err == nil {
		err = p.nothingBehind()
	}
	return sum{kind, args}, err
}

func (p *parser) args() ([]node, error) {
	var out []node
	for !p.take(")") {
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		if !p.take(",") && !strings.HasPrefix(p.text[p.at:], ")") {
			return nil, fmt.Errorf("want , or ) at %s", p.near())
		}
	}
	return out, nil
}

// selector reads what stands behind its name.
func (p *parser) selector(start int) (node, error) {
	if p.space(); p.at < len(p.text) && p.text[p.at] == '{' {
		if err := p.braces(); err != nil {
			return nil, err
		}
	}
	s := selector{text: strings.TrimSpace(p.text[start:p.at])}
	if p.take("[") {
		end := strings.IndexByte(p.text[p.at:], ']')
		if end < 0 {
			return nil, errors.New("a range has no end")
		}
		if strings.Contains(p.text[p.at:p.at+end], ":") {
			return nil, errors.New("a subquery is not taken back to counters")
		}
		p.at += end + 1
		s.ranged = true
	}
	if p.take("offset") || p.take("@") {
		s.shifted = true
		p.take("-")
		if p.word() == "" {
			return nil, fmt.Errorf("want a time at %s", p.near())
		}
		if p.take("(") && !p.take(")") {
			return nil, fmt.Errorf("want ) at %s", p.near())
		}
	}
	return s, nil
}

// braces reads { … } with its strings, which may hold braces themselves.
func (p *parser) braces() error {
	for p.at++; p.at < len(p.text); {
		switch c := p.text[p.at]; c {
		case '}':
			p.at++
			return nil
		case '"', '\'', '`':
			if _, err := p.quoted(); err != nil {
				return err
			}
		default:
			_, size := utf8.DecodeRuneInString(p.text[p.at:])
			p.at += size
		}
	}
	return errors.New("a brace has no end")
}

// quoted reads a string and its quotes.
func (p *parser) quoted() (string, error) {
	quote, start := p.text[p.at], p.at
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\\' && quote != '`':
			p.at++
		case c == quote:
			p.at++
			return p.text[start:p.at], nil
		}
	}
	p.at = len(p.text)
	return "", errors.New("a string has no end")
}
