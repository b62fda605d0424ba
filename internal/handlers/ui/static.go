package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// asset is one file as the browser gets it.
type asset struct {
	body   []byte
	packed []byte // the body with gzip; nil where that is hardly smaller
	kind   string
	hashed string // style.1a2b3c4d.css
	etag   string
}

// assets holds every file by its plain and by its hashed name.
type assets struct {
	plain  map[string]*asset
	hashed map[string]*asset
}

// newAssets reads static/* of every source, a later one replacing an earlier one's files, and adds those that are made. The brand's rules
// become the end of the style sheet: one request instead of two before the first page can be painted.
func newAssets(made map[string][]byte, brand []byte, sources ...fs.FS) (*assets, error) {
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
			if path.Base(file) == "style.css" {
				body = slices.Concat(body, brand)
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
		body: body, packed: packed(body), kind: kindOf(ext), etag: strconv.Quote(digest),
		hashed: strings.TrimSuffix(name, ext) + "." + digest + ext,
	}
}

// packed returns body with gzip where that saves a fifth. Only files are packed and no pages: those carry tokens beside words that an attacker
// may choose, whose length would tell of them.
func packed(body []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := w.Write(body); err != nil || w.Close() != nil || out.Len() > len(body)*4/5 {
		return nil
	}
	return out.Bytes()
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
		body := found.body
		if found.packed != nil {
			header.Set("Vary", "Accept-Encoding")
			if takesGzip(r.Header.Values("Accept-Encoding")) {
				body = found.packed
				header.Set("Content-Encoding", "gzip")
				// RFC 9110 §8.8.3.3: two encodings of one file differ in their tags.
				header.Set("ETag", strings.TrimSuffix(found.etag, `"`)+`-gzip"`)
			}
		}
		if matches(r.Header.Get("If-None-Match"), header.Get("ETag")) {
			header.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		header.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(body) // a browser that went away is no fault of ours
		}
	})
}

// takesGzip reports whether an Accept-Encoding header names gzip, and not with the weight of nothing (RFC 9110 §12.5.3).
func takesGzip(headers []string) bool {
	for one := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		coding, parameters, _ := strings.Cut(one, ";")
		weight, weighted := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(parameters), " ", ""), "q=")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q, err := strconv.ParseFloat(weight, 64)
			return !weighted || err == nil && q > 0
		}
	}
	return false
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
