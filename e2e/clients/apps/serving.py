"""How the tests start these applications: a listening socket as file descriptor 3, and an end of standard input to stop at."""
import os
import sys
import threading

from werkzeug.serving import make_server

ADDRESS = os.environ["ADDRESS"]


def serve(app):
    def leave():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=leave, daemon=True).start()
    host, port = ADDRESS.split(":")
    make_server(host, int(port), app, threaded=True, fd=3).serve_forever()
