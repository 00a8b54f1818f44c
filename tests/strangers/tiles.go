// A stranger's verifier of an exported log: golang.org/x/mod/sumdb reads checkpoint, tiles and entries as files, with nothing of
// the vault's own code.
//
//	tiles KEY FOLDER [OLD]
//
// KEY is the log's verifier key, OLD a file with an older checkpoint. Every entry must have the hash that the tiles, proven to the
// checkpoint's root, say of it; the older tree must be the start of this one. "accepted N lines", or "rejected: why" and code 1.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type tree struct {
	size int64
	root tlog.Hash
}

// openCheckpoint reads origin, size and root of a note that the key has signed.
func openCheckpoint(path string, verifier note.Verifier) (tree, error) {
	signed, err := os.ReadFile(path)
	if err != nil {
		return tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tree{size, root}, err
}

// folder is a tlog.TileReader over files. The library writes a tile's height into its path, the specification does not.
type folder string

func (f folder) Height() int                                { return height }
func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		data, err := os.ReadFile(filepath.Join(string(f), strings.Replace(t.Path(), "tile/8/", "tile/", 1)))
		if err != nil {
			return nil, err
		}
		out[i] = data
	}
	return out, nil
}

// entries reads the bundle of the tile of level 0.
func (f folder) entries(t tlog.Tile) ([][]byte, error) {
	path := strings.Replace(t.Path(), "tile/8/0/", "tile/entries/", 1)
	rest, err := os.ReadFile(filepath.Join(string(f), path))
	var out [][]byte
	for err == nil && len(rest) > 0 {
		if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
			return nil, errors.New(path + ": an entry is cut")
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		out, rest = append(out, rest[2:end]), rest[end:]
	}
	if err == nil && len(out) != t.W {
		err = fmt.Errorf("%s: %d entries", path, len(out))
	}
	return out, err
}

// checkBundle compares the entries of one tile with the hashes that are proven.
func checkBundle(f folder, reader tlog.HashReader, t tlog.Tile) error {
	entries, err := f.entries(t)
	if err != nil {
		return err
	}
	indexes := make([]int64, len(entries))
	for i := range entries {
		indexes[i] = tlog.StoredHashIndex(0, t.N<<height+int64(i))
	}
	hashes, err := reader.ReadHashes(indexes)
	if err != nil {
		return err
	}
	for i, entry := range entries {
		if tlog.RecordHash(entry) != hashes[i] {
			return fmt.Errorf("line %d has another hash", t.N<<height+int64(i))
		}
	}
	return nil
}

func checkGrowth(reader tlog.HashReader, head, old tree) error {
	proof, err := tlog.ProveTree(head.size, old.size, reader)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, head.size, head.root, old.size, old.root)
}

func verify(key, path, oldPath string) (int64, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return 0, err
	}
	head, err := openCheckpoint(filepath.Join(path, "checkpoint"), verifier)
	if err != nil {
		return 0, err
	}
	f := folder(path)
	reader := tlog.TileHashReader(tlog.Tree{N: head.size, Hash: head.root}, f)
	for n := int64(0); n<<height < head.size; n++ {
		width := head.size - n<<height
		if width > 1<<height {
			width = 1 << height
		}
		if err := checkBundle(f, reader, tlog.Tile{H: height, L: 0, N: n, W: int(width)}); err != nil {
			return 0, err
		}
	}
	if oldPath == "" {
		return head.size, nil
	}
	old, err := openCheckpoint(oldPath, verifier)
	if err == nil {
		err = checkGrowth(reader, head, old)
	}
	return head.size, err
}

func main() {
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fmt.Fprintln(os.Stderr, "usage: tiles KEY FOLDER [OLD]")
		os.Exit(2)
	}
	old := ""
	if len(os.Args) == 4 {
		old = os.Args[3]
	}
	size, err := verify(os.Args[1], os.Args[2], old)
	if err != nil {
		fmt.Println("rejected:", err)
		os.Exit(1)
	}
	fmt.Println("accepted", size, "lines")
}
