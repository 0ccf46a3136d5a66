package rfc2136

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
)

// exchange sends a message over a TCP connection of its own and gives the answer.
// Over UDP a lost answer would look like a lost request, and retries would make
// copies. sent says whether the server may have the message.
func exchange(ctx context.Context, server string, wire []byte) (reply []byte, sent bool, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, false, because(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if ctx.Err() != nil {
		return nil, false, because(ctx, ctx.Err())
	}
	framed := slices.Concat(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire)
	if _, err := conn.Write(framed); err != nil {
		return nil, true, because(ctx, err)
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, true, because(ctx, err)
	}
	reply = make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, reply); err != nil {
		return nil, true, because(ctx, err)
	}
	return reply, true, nil
}

// because puts the context's end before what it did to the connection.
func because(ctx context.Context, err error) error {
	switch end := ctx.Err(); {
	case errors.Is(end, context.DeadlineExceeded):
		return fmt.Errorf("no answer in time: %w", end)
	case end != nil:
		return end
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the server closed the connection: %w", err)
	}
	return err
}
