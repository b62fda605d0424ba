// The frame that an application asks whether its session is still the same (OpenID Connect Session Management 1.0 §3.2). It gets
// "client_id session_state" and answers unchanged, changed or error. Old browsers run it too, and none needs WebCrypto, which is there for
// https alone.
(function () {
  "use strict";

  // SHA-256 of ASCII text (FIPS 180-4 §6.2), in base64url.
  function digest(text) {
    var k = [], h = [], words = [], w = [];
    var i, j, n, candidate = 2;
    function fraction(x) { return ((x - Math.floor(x)) * 4294967296) | 0; }
    function right(x, by) { return (x >>> by) | (x << (32 - by)); }
    // The constants are bits of the roots of the first primes.
    while (k.length < 64) {
      for (i = 2; i * i <= candidate && candidate % i !== 0; i++) { /* looks for a divisor */ }
      if (i * i > candidate) {
        if (h.length < 8) h.push(fraction(Math.pow(candidate, 1 / 2)));
        k.push(fraction(Math.pow(candidate, 1 / 3)));
      }
      candidate++;
    }
    for (i = 0; i < text.length; i++) words[i >> 2] |= (text.charCodeAt(i) & 255) << (24 - (i % 4) * 8);
    words[i >> 2] |= 128 << (24 - (i % 4) * 8);
    n = (((text.length + 8) >> 6) + 1) * 16;
    words[n - 1] = text.length * 8;
    for (j = 0; j < n; j += 16) {
      var s = h.slice(0);
      for (i = 0; i < 64; i++) {
        if (i < 16) {
          w[i] = words[j + i] | 0;
        } else {
          var a = w[i - 15], b = w[i - 2];
          w[i] = ((right(a, 7) ^ right(a, 18) ^ (a >>> 3)) + (right(b, 17) ^ right(b, 19) ^ (b >>> 10)) + w[i - 7] + w[i - 16]) | 0;
        }
        var t1 = (s[7] + (right(s[4], 6) ^ right(s[4], 11) ^ right(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i]) | 0;
        var t2 = ((right(s[0], 2) ^ right(s[0], 13) ^ right(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]))) | 0;
        s = [(t1 + t2) | 0, s[0], s[1], s[2], (s[3] + t1) | 0, s[4], s[5], s[6]];
      }
      for (i = 0; i < 8; i++) h[i] = (h[i] + s[i]) | 0;
    }
    var bytes = "";
    for (i = 0; i < 32; i++) bytes += String.fromCharCode((h[i >> 2] >>> (24 - (i % 4) * 8)) & 255);
    return btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  // The state of the browser, which changes when somebody signs in or out; empty where no application ever asked about this browser.
  function state() {
    var found = /(?:^|;\s*)(?:__Host-)?idp_state=([^;]*)/.exec(document.cookie);
    return found ? found[1] : "";
  }

  function judge(message, origin) {
    var parts = typeof message === "string" && message.length < 4096 ? /^([\x21-\x7e]+) ([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{1,64})$/.exec(message) : null;
    if (!parts) return "error";
    var now = state();
    // Only the server and this browser know the state, and the digest is bound to the asking origin: whoever got no session_state here, for its
    // own pages, hears "changed" whatever it sends. No state counts as one that it does not know, or its absence could be asked for.
    return digest(parts[1] + " " + origin + " " + now + " " + parts[3]) === parts[2] && now ? "unchanged" : "changed";
  }

  // The origin of the page around the frame, as far as the browser tells it; empty if it does not.
  function around() {
    if (location.ancestorOrigins && location.ancestorOrigins.length) return location.ancestorOrigins[0];
    var found = /^https?:\/\/[^\/?#]+/.exec(document.referrer);
    return found ? found[0] : "";
  }

  window.addEventListener("message", function (event) {
    // The page around the frame may ask, or another frame of it (the RP iframe of §3.1), of its origin; who asks is answered.
    var page = window.parent, from = event.source, known = around();
    if (!from || page === window || from !== page && from.parent !== page) return;
    if (!/^https?:/.test(event.origin) || known && known !== event.origin) return;
    event.source.postMessage(judge(event.data, event.origin), event.origin);
  });
})();
