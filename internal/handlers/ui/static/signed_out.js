// Goes on as soon as every application's frame has loaded (Front-Channel Logout 1.0 §3). Without scripts the page goes on after a moment.
// It runs before the frames are there: the first of them may have loaded when a deferred script would begin.
let told = 0;
function goOn() {
  if (document.readyState !== "loading" && told === document.querySelectorAll("iframe.logout-frame").length) {
    location.assign(document.getElementById("return-link").href);
  }
}
document.addEventListener("load", (event) => {
  if (event.target instanceof HTMLIFrameElement) {
    told += 1;
    goOn();
  }
}, true);
document.addEventListener("DOMContentLoaded", goOn);
