package machine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/natefinch/atomic"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// Bucket returns a bucket of documents.
func (db *DB) Bucket(name string) documents.Bucket { return bucket{db, name} }

type bucket struct {
	db   *DB
	name string
}

func (b bucket) Get(ctx context.Context, name string) (documents.Document, error) {
	doc := documents.Document{Info: documents.Info{Name: name}}
	var metadata []byte
	row := b.db.read.QueryRowContext(ctx,
		"SELECT generation, metadata, data FROM documents WHERE bucket = ? AND name = ?", b.name, name)
	err := row.Scan(&doc.Generation, &metadata, &doc.Data)
	if errors.Is(err, sql.ErrNoRows) {
		return doc, fmt.Errorf("%s: %w", name, documents.ErrNotFound)
	}
	if err != nil {
		return doc, fmt.Errorf("reading document %s: %w", name, err)
	}
	return doc, json.Unmarshal(metadata, &doc.Metadata)
}

func (b bucket) Put(
	ctx context.Context, name string, gen int64, data []byte, metadata map[string]string,
) (int64, error) {
	meta, err := json.Marshal(metadata)
	if err != nil {
		return 0, err
	}
	var next int64
	err = b.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var have int64
		err := tx.QueryRowContext(ctx, "SELECT generation FROM documents WHERE bucket = ? AND name = ?",
			b.name, name).Scan(&have)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if have != gen {
			return documents.ErrConflict
		}
		if err := tx.QueryRowContext(ctx, "UPDATE generations SET last = last + 1 RETURNING last").Scan(&next); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)", b.name, name,
			next, string(meta), data)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("writing document %s: %w", name, err)
	}
	return next, nil
}

func (b bucket) Delete(ctx context.Context, name string, gen int64) error {
	err := b.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		var have int64
		err := tx.QueryRowContext(ctx, "SELECT generation FROM documents WHERE bucket = ? AND name = ?",
			b.name, name).Scan(&have)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil && have != gen {
			return documents.ErrConflict
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM documents WHERE bucket = ? AND name = ?", b.name, name)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting document %s: %w", name, err)
	}
	return nil
}

const page = 1000

func (b bucket) List(ctx context.Context, prefix string) iter.Seq2[documents.Info, error] {
	return func(yield func(documents.Info, error) bool) {
		for after := ""; ; {
			infos, err := b.page(ctx, prefix, after)
			if err != nil {
				yield(documents.Info{}, fmt.Errorf("listing documents %s*: %w", prefix, err))
				return
			}
			for _, info := range infos {
				if !yield(info, nil) {
					return
				}
			}
			if len(infos) < page {
				return
			}
			after = infos[len(infos)-1].Name
		}
	}
}

// lastNames is behind all names that go on after a prefix.
const lastNames = "\U0010ffff\U0010ffff"

// page reads up to 1,000 entries at once, so that no read transaction stays open while the caller works.
func (b bucket) page(ctx context.Context, prefix, after string) ([]documents.Info, error) {
	rows, err := b.db.read.QueryContext(ctx,
		"SELECT name, generation, metadata FROM documents WHERE bucket = ? AND name > ? AND name >= ? AND name <= ? "+
			"AND substr(name, 1, ?) = ? ORDER BY name LIMIT ?",
		b.name, after, prefix, prefix+lastNames, len([]rune(prefix)), prefix, page)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var infos []documents.Info
	for rows.Next() {
		var info documents.Info
		var metadata []byte
		if err := rows.Scan(&info.Name, &info.Generation, &metadata); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(metadata, &info.Metadata); err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, rows.Err()
}

// Folder returns a folder of settings files as a bucket: files are changed there, never made or deleted. A file's
// generation is made of its contents.
func Folder(dir string) documents.Bucket { return folder(dir) }

type folder string

func (f folder) Get(_ context.Context, name string) (documents.Document, error) {
	data, err := os.ReadFile(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return documents.Document{}, fmt.Errorf("%s: %w", filepath.Join(string(f), name), documents.ErrNotFound)
	}
	sum := sha256.Sum256(data)
	gen := int64(binary.BigEndian.Uint64(sum[:8])>>1) | 1
	return documents.Document{Info: documents.Info{Name: name, Generation: gen}, Data: data}, err
}

// Dir is the folder, beside whose files relative paths are.
func (f folder) Dir() string { return string(f) }

func (f folder) path(name string) string { return filepath.Join(string(f), filepath.Base(name)) }

var errNotHere = errors.New("files of the settings folder are neither made nor deleted here")

// Put changes a file, at once and durably; whoever reads it meanwhile has the one or the other.
func (f folder) Put(ctx context.Context, name string, gen int64, data []byte, _ map[string]string) (int64, error) {
	old, err := f.Get(ctx, name)
	if err != nil || gen == 0 {
		return 0, errors.Join(errNotHere, err)
	}
	if old.Generation != gen {
		return 0, fmt.Errorf("%s: %w", name, documents.ErrConflict)
	}
	if err := atomic.WriteFile(f.path(name), bytes.NewReader(data)); err != nil {
		return 0, fmt.Errorf("writing %s: %w", name, err)
	}
	next, err := f.Get(ctx, name)
	return next.Generation, err
}

func (f folder) Delete(context.Context, string, int64) error { return errNotHere }

func (f folder) List(context.Context, string) iter.Seq2[documents.Info, error] {
	return func(func(documents.Info, error) bool) {}
}
