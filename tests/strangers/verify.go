// A stranger's verifier: golang.org/x/mod/sumdb (the code that guards Go's checksum database) and nothing of the vault's.
//
//	verify EXPORT
//
// EXPORT is JSON: verifier key, an old and a new checkpoint (signed notes), all leaves of the new tree, an inclusion proof for
// each, and a consistency proof. Exit code 0 and "accepted N lines", or 1 and "rejected: why".
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type export struct {
	VerifierKey   string     `json:"verifier_key"`
	OldCheckpoint string     `json:"old_checkpoint"`
	Checkpoint    string     `json:"checkpoint"`
	Leaves        [][]byte   `json:"leaves"`
	Proofs        [][][]byte `json:"proofs"`
	Growth        [][]byte   `json:"growth"`
}

type tree struct {
	size int64
	root tlog.Hash
}

// openCheckpoint reads origin, size and root of a note that the key has signed.
func openCheckpoint(signed string, verifier note.Verifier) (tree, error) {
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
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

func hashes(raw [][]byte) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(raw))
	for i, h := range raw {
		if len(h) != tlog.HashSize {
			return nil, errors.New("a hash of another length")
		}
		copy(out[i][:], h)
	}
	return out, nil
}

// checkLines proves each line by the vault's proof, and the root by building the whole tree anew.
func checkLines(e *export, head tree) error {
	if int64(len(e.Leaves)) != head.size || len(e.Proofs) != len(e.Leaves) {
		return errors.New("lines are missing")
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			out[i] = stored[at]
		}
		return out, nil
	})
	for i, leaf := range e.Leaves {
		proof, err := hashes(e.Proofs[i])
		if err == nil {
			err = tlog.CheckRecord(tlog.RecordProof(proof), head.size, head.root, int64(i), tlog.RecordHash(leaf))
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", i, err)
		}
		more, err := tlog.StoredHashes(int64(i), leaf, reader)
		if err != nil {
			return err
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(head.size, reader)
	if err == nil && root != head.root {
		err = errors.New("the lines have another root")
	}
	return err
}

func verify(path string) (int64, error) {
	var e export
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	if err != nil {
		return 0, err
	}
	verifier, err := note.NewVerifier(e.VerifierKey)
	if err != nil {
		return 0, err
	}
	old, err := openCheckpoint(e.OldCheckpoint, verifier)
	if err != nil {
		return 0, err
	}
	head, err := openCheckpoint(e.Checkpoint, verifier)
	if err != nil {
		return 0, err
	}
	growth, err := hashes(e.Growth)
	if err == nil {
		err = tlog.CheckTree(tlog.TreeProof(growth), head.size, head.root, old.size, old.root)
	}
	if err != nil {
		return 0, fmt.Errorf("growth: %w", err)
	}
	return head.size, checkLines(&e, head)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: verify EXPORT")
		os.Exit(2)
	}
	size, err := verify(os.Args[1])
	if err != nil {
		fmt.Println("rejected:", err)
		os.Exit(1)
	}
	fmt.Println("accepted", size, "lines")
}
