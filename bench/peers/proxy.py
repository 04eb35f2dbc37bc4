"""What executors used before: a synchronous proxy of Python's standard library, a thread and a connection onward for each request.

Its argument is the coordinator's URL. It prints its own and ends when its standard input does.
"""

import http.client
import http.server
import sys
import threading
import urllib.parse

TARGET = urllib.parse.urlsplit(sys.argv[1])
SECONDS = 30


class Proxy(http.server.BaseHTTPRequestHandler):
    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        onward = http.client.HTTPConnection(TARGET.hostname, TARGET.port, timeout=SECONDS)
        try:
            onward.request(self.command, self.path, body, dict(self.headers))
            answer = onward.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            self.send_header("content-type", answer.headers.get("content-type", "application/json"))
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        finally:
            onward.close()

    do_GET = do_POST = forward

    def log_message(self, format: str, *args: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
