// The one-time token may come in the fragment, which no proxy and no log sees: put it into its field and out of the address.
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) {
  document.getElementById("token").value = token;
  history.replaceState(null, "", location.pathname + location.search);
  document.getElementById("name").focus();
}
