package ui

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// asset is one file as the browser gets it.
type asset struct {
	body   []byte
	kind   string
	hashed string // style.1a2b3c4d.css
	etag   string
}

// assets holds every file by its plain and by its hashed name.
type assets struct {
	plain  map[string]*asset
	hashed map[string]*asset
}

// newAssets reads static/* of every source, a later one replacing an earlier one's files, and adds those that are made.
func newAssets(made map[string][]byte, sources ...fs.FS) (*assets, error) {
	a := &assets{plain: map[string]*asset{}, hashed: map[string]*asset{}}
	for name, body := range made {
		a.plain[name] = newAsset(name, body)
	}
	for _, source := range sources {
		files, err := fs.Glob(source, "static/*")
		if err != nil {
			return nil, fmt.Errorf("list assets: %w", err)
		}
		for _, file := range files {
			info, err := fs.Stat(source, file)
			if err != nil {
				return nil, fmt.Errorf("read asset: %w", err)
			}
			if info.IsDir() {
				continue
			}
			body, err := fs.ReadFile(source, file)
			if err != nil {
				return nil, fmt.Errorf("read asset: %w", err)
			}
			a.plain[path.Base(file)] = newAsset(path.Base(file), body)
		}
	}
	for _, one := range a.plain {
		a.hashed[one.hashed] = one
	}
	return a, nil
}

// newAsset names and types one file.
func newAsset(name string, body []byte) *asset {
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:8])
	ext := path.Ext(name)
	return &asset{
		body: body, kind: kindOf(ext), etag: strconv.Quote(digest),
		hashed: strings.TrimSuffix(name, ext) + "." + digest + ext,
	}
}

// kindOf returns the media type of an extension. The common ones are fixed here: mime reads files of the machine, which differ.
func kindOf(ext string) string {
	switch strings.ToLower(ext) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	}
	if kind := mime.TypeByExtension(ext); kind != "" && !strings.HasPrefix(kind, "text/html") {
		return kind
	}
	return "application/octet-stream"
}

// Static serves the style sheet, scripts and pictures below Config.BasePath + "/static/". A hashed name never changes its content and is
// kept for a year; a plain name is asked for each time.
func (u *UI) Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.URL.Path, u.prefix)
		state, err := u.current()
		if !ok || err != nil {
			http.NotFound(w, r)
			return
		}
		header := w.Header()
		found, caching := state.assets.hashed[name], "public, max-age=31536000, immutable"
		if found == nil {
			found, caching = state.assets.plain[name], "no-cache"
		}
		if found == nil {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		header.Set("Content-Type", found.kind)
		header.Set("Cache-Control", caching)
		header.Set("ETag", found.etag)
		header.Set("X-Content-Type-Options", "nosniff")
		// An SVG opened by itself is a document: it may run nothing.
		header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		if matches(r.Header.Get("If-None-Match"), found.etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		header.Set("Content-Length", strconv.Itoa(len(found.body)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(found.body) // a browser that went away is no fault of ours
		}
	})
}

// matches reports whether an If-None-Match header names the tag (RFC 9110 §13.1.2).
func matches(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == etag || one == "*" {
			return true
		}
	}
	return false
}
