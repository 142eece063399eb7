package transfer

import (
	"errors"
	"hash"
	"io"
	"sync"
)

// Buffers for copying, two a copy: what a run holds in memory does not grow with the files. Large files are written in
// larger pieces, which costs the kernel less.
var (
	small = sync.Pool{New: func() any { return new([2][128 << 10]byte) }} //nolint:gochecknoglobals // a pool
	large = sync.Pool{New: func() any { return new([2][1 << 20]byte) }}   //nolint:gochecknoglobals // a pool
)

const largeFile = 16 << 20

// pump copies all of in, which should have size bytes, to out and to the sums. A piece is hashed while the next one
// comes.
func pump(out io.Writer, in io.Reader, size int64, sums []hash.Hash) (int64, error) {
	if size >= largeFile {
		pieces := large.Get().(*[2][1 << 20]byte) //nolint:errcheck // only these are in it
		defer large.Put(pieces)
		return pumpThrough([2][]byte{pieces[0][:], pieces[1][:]}, out, in, sums)
	}
	pieces := small.Get().(*[2][128 << 10]byte) //nolint:errcheck // as above
	defer small.Put(pieces)
	return pumpThrough([2][]byte{pieces[0][:], pieces[1][:]}, out, in, sums)
}

func pumpThrough(pieces [2][]byte, out io.Writer, in io.Reader, sums []hash.Hash) (n int64, err error) {
	free, full := make(chan []byte, len(pieces)), make(chan []byte, len(pieces))
	for _, piece := range pieces {
		free <- piece
	}
	var group sync.WaitGroup
	defer group.Wait() // the pieces go back to the pool, and the sums are whole
	defer close(full)
	group.Go(func() {
		for piece := range full {
			for _, sum := range sums {
				_, _ = sum.Write(piece) // never fails
			}
			free <- piece[:cap(piece)]
		}
	})
	for {
		piece := <-free
		m, rerr := in.Read(piece)
		if _, err := out.Write(piece[:m]); err != nil {
			return n, err
		}
		n += int64(m)
		full <- piece[:m]
		if errors.Is(rerr, io.EOF) {
			return n, nil
		}
		if rerr != nil {
			return n, rerr
		}
	}
}
