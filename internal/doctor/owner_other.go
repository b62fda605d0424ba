//go:build !unix

package doctor

import "io/fs"

// sameOwner takes every file for the server's where files have no number of their owner.
func sameOwner(fs.FileInfo, fs.FileInfo) bool { return true }
