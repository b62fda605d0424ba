package doctor

import "fmt"

// What a disk should have left: below the first nothing can be relied on to be written, below the second somebody should look.
const (
	diskFull  = 8 << 20
	diskSmall = 200 << 20
)

// disk tells of a data folder whose disk is full or nearly so: then every change is answered with 503, while reading goes on and all looks well.
func disk(r *report, folder string, free uint64) {
	const mend = "Make room on it, or move the data folder to a larger one: the server goes on by itself."
	switch left := fmt.Sprintf("%d MiB", free>>20); {
	case free < diskFull:
		r.fail("disk", fmt.Sprintf("The disk of %s is full, with %s left: nothing more can be written.", folder, left), mend)
	case free < diskSmall:
		r.warn("disk", fmt.Sprintf("The disk of %s has only %s left.", folder, left), mend)
	}
}
