package config

import (
	"reflect"
	"slices"
)

// Changed lists the settings in which next differs from c, by key.
func (c *Config) Changed(next *Config) []string {
	theirs := next.settings()
	var keys []string
	for key, f := range c.settings() {
		if !reflect.DeepEqual(f.value.Interface(), theirs[key].value.Interface()) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
