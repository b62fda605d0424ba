package doctor

import "syscall"

// freeBytes returns what is left on a folder's disk for who is not root.
func freeBytes(folder string) (free uint64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil || s.Blocks == 0 {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
