//go:build !linux

package doctor

// freeBytes is known on Linux alone.
func freeBytes(string) (free uint64, known bool) { return 0, false }
