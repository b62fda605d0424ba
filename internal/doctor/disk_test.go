package doctor

import "testing"

func TestDisk_FullIsAnErrorAndNearlySoAWarning(t *testing.T) {
	t.Parallel()
	for free, want := range map[uint64]Level{0: Error, 7 << 20: Error, 8 << 20: Warning, 199 << 20: Warning, 200 << 20: OK} {
		r := &report{}
		disk(r, "/data", free)
		got := OK
		if len(r.findings) > 0 {
			got = r.findings[0].Level
		}
		if got != want {
			t.Errorf("with %d bytes left: %s, want %s", free, got, want)
		}
	}
}
