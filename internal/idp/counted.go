package idp

import "strconv"

// Counted writes a number of things whose plural ends in s: "1 row", "2 rows".
func Counted[N ~int | ~int64](n N, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.FormatInt(int64(n), 10) + " " + thing
}
