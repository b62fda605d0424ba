package server

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := CleanUp(); err != nil {
		fmt.Println("--- FAIL: clean up:", err)
		code = 1
	}
	os.Exit(code)
}
