import { gzipSync } from "node:zlib";

/** A request as it is written, but for the `Host` line, which comes first. */
export type Shape = {
  name: string;
  method: string;
  target: string;
  headers?: string[];
  /** Sent as it is; framing is up to `headers`. */
  body?: Buffer;
  /** Header lines that go out but do not arrive, by lower-case name (docs/architecture.md). */
  dropped?: string[];
  /** What upstream sees, where that is not `target`. */
  arrives?: string;
};

const KIB64 = 64 * 1024;

function sized(name: string, bytes: Buffer, more: string[] = []): Shape {
  return {
    name,
    method: "POST",
    target: "/things",
    headers: [`Content-Length: ${bytes.length}`, "Content-Type: application/octet-stream", ...more],
    body: bytes,
  };
}

function chunked(name: string, bytes: Buffer, size: number, more: Partial<Shape> = {}): Shape {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
  }
  parts.push(Buffer.from("0\r\n\r\n"));
  return {
    name,
    method: "PUT",
    target: "/things",
    headers: ["Transfer-Encoding: chunked"],
    body: Buffer.concat(parts),
    ...more,
  };
}

const get = (name: string, target: string, headers: string[] = [], more: Partial<Shape> = {}): Shape => ({
  name,
  method: "GET",
  target,
  headers,
  ...more,
});
/** The reflecting upstream answers what the query asks for. */
const answer = (name: string, query: string, method = "GET"): Shape => ({
  name,
  method,
  target: `/answer?${query}`,
});

const pattern = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 31) % 251));
const every = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));

export const SHAPES: Shape[] = [
  // methods
  ...["GET", "DELETE", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "M-SEARCH", "PURGE", "LINK", "QUERY"].map(
    (method): Shape => ({ name: `method ${method}`, method, target: "/things/1" }),
  ),
  ...["POST", "PUT", "PATCH"].map((method): Shape => ({
    name: `${method} without a body`,
    method,
    target: "/things",
  })),
  { name: "OPTIONS of the server", method: "OPTIONS", target: "*" },
  {
    name: "DELETE with a body",
    method: "DELETE",
    target: "/things",
    headers: ["Content-Length: 5"],
    body: Buffer.from("which"),
  },
  {
    name: "GET with a body",
    method: "GET",
    target: "/things",
    headers: ["Content-Length: 5"],
    body: Buffer.from("which"),
  },
  // targets
  get("query", "/sessions?limit=2&offset=%20&x=a+b"),
  get("empty query", "/sessions?"),
  get("question marks and slashes in a query", "/sessions?a=/b?c=//d/../e"),
  get("encoded slash", "/agents/a%2Fb"),
  get("encoded slash and dots", "/agents/..%2f..%2fadmin"),
  get("dot segments", "/agents/../runs/./x"),
  get("encoded dots", "/agents/%2e%2e/runs"),
  get("two slashes first", "//host.example/path"),
  get("slashes inside and at the end", "/a//b///c/"),
  get("odd but legal characters", "/a!$&'()*+,;=:@-._~/b"),
  get("characters that only browsers encode", '/a"<>[]{}|^`\\b'),
  get("percent that encodes nothing", "/100%/a%zz?q=%"),
  get("encoded control characters", "/a%00%0d%0ab"),
  get("long target", `/long/${"x".repeat(6000)}?y=${"z".repeat(2000)}`),
  get("absolute form", "http://other.example:99/abs?x=1", [], { arrives: "/abs?x=1" }),
  get("absolute form without a path", "http://other.example", [], { arrives: "/" }),
  get("absolute form with a query only", "http://other.example?x=1", [], { arrives: "/?x=1" }),
  // headers
  get(
    "many headers",
    "/h",
    Array.from({ length: 100 }, (_, i) => `X-Many-${i}: value ${i}`),
  ),
  get("repeated headers keep their order", "/h", ["X-One: a", "X-Two: b", "X-One: c", "x-one: d"]),
  get("odd case", "/h", ["aCCept: text/html", "X-sTRANGE-cASE: 1"]),
  get("odd values", "/h", [
    "X-Empty:",
    "X-Spaces:   a   b   ",
    'X-Quoted: "a, b"; c=\\"d\\"',
    "X-Latin: caf\u00e9",
    "X-Tab: a\tb",
  ]),
  get("odd names", "/h", ["X_Under: 1", "x.dot: 2", "!#$%&'*+-.^`|~: 3"]),
  get("long value", "/h", [`X-Long: ${"v".repeat(8000)}`]),
  get("Last-Event-ID, conditions and ranges", "/h", [
    "Last-Event-ID: 17",
    'If-None-Match: "a", W/"b"',
    "Range: bytes=0-4,9-",
  ]),
  get("forwarding headers stay", "/h", [
    "X-Forwarded-For: 10.0.0.1",
    "Forwarded: for=10.0.0.1",
    "Via: 1.1 before",
  ]),
  get("trace", "/h", [
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate: a=b",
    "baggage: c=d",
  ]),
  get("named by Connection", "/h", ["Connection: x-foo, X-Bar", "X-Foo: 1", "x-bar: 2", "X-Baz: 3"], {
    dropped: ["x-foo", "x-bar"],
  }),
  get(
    "of one hop",
    "/h",
    ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: trailers", "Connection: close"],
    {
      dropped: ["keep-alive", "proxy-connection", "te"],
    },
  ),
  get("proxy credentials", "/h", ["Proxy-Authorization: Basic eDp5"], { dropped: ["proxy-authorization"] }),
  get("credentials", "/h", ["Authorization: Bearer executor", "Cookie: a=b; c=d"], {
    dropped: ["authorization", "cookie"],
  }),
  get(
    "an upgrade that is only offered",
    "/h",
    ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAA"],
    {
      dropped: ["upgrade", "http2-settings"],
    },
  ),
  // bodies
  sized("empty", Buffer.alloc(0)),
  sized("one byte", Buffer.from("x")),
  sized("every byte", every),
  sized("64 KiB less one", pattern(KIB64 - 1)),
  sized("64 KiB", pattern(KIB64)),
  sized("64 KiB and one", pattern(KIB64 + 1)),
  sized("3 MiB", pattern(3 * 1024 * 1024)),
  get("who says who it is", "/sessions", ["User-Agent: an-executor/1.0"]),
  sized("compressed", gzipSync(pattern(200_000)), ["Content-Encoding: gzip"]),
  sized("of many parts", Buffer.from("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--b--\r\n"), [
    "X-Kind: multipart",
  ]),
  chunked("chunked and empty", Buffer.alloc(0), 1),
  chunked("chunked small", pattern(300), 7),
  chunked("1 MiB chunked", pattern(1024 * 1024), 10_000),
  chunked("chunked with extensions and trailers", Buffer.alloc(0), 1, {
    headers: ["Transfer-Encoding: chunked", "Trailer: X-Sum"],
    body: Buffer.from("3;a=b\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
    dropped: ["trailer"],
  }),
  chunked("chunked GET", pattern(10), 3, { method: "GET" }),
  {
    ...sized("an upgrade that is only offered, with a body", pattern(300), [
      "Connection: Upgrade",
      "Upgrade: h2c",
    ]),
    dropped: ["upgrade"],
  },
  // answers
  ...[
    200, 201, 202, 203, 206, 207, 226, 300, 400, 401, 403, 404, 405, 407, 410, 418, 421, 429, 451, 499, 500,
    501, 502, 503, 504, 511, 599,
  ].map((status) => answer(`status ${status}`, `status=${status}`)),
  ...[204, 205, 304].map((status) =>
    answer(`status ${status} has no body`, `status=${status}&header=etag:%22a%22`),
  ),
  ...[301, 302, 303, 307, 308].map((status) =>
    answer(
      `redirect ${status} to another origin is handed back`,
      `status=${status}&header=location:http://elsewhere.example/x`,
    ),
  ),
  answer("reason phrases", "reason=Quite%20So%20(1;2)"),
  answer("no reason phrase", "reason="),
  answer(
    "repeated Set-Cookie",
    "header=set-cookie:a%3D1&header=Set-Cookie:b%3D2;%20Path%3D/&header=set-cookie:a%3D3",
  ),
  answer(
    "repeated headers in order",
    "header=x-a:1&header=x-b:2&header=X-A:3&header=www-authenticate:Basic&header=www-authenticate:Bearer",
  ),
  answer(
    "odd header values",
    "header=x-empty:&header=x-latin:caf%C3%A9&header=Content-Disposition:attachment;%20filename%3D%22a%20b%22",
  ),
  answer(
    "headers of one hop",
    "header=connection:x-foo&header=x-foo:1&header=proxy-authenticate:Basic&header=x-bar:2",
  ),
  answer("with its length", "bytes=100000&header=content-length:100000"),
  answer("chunked", "bytes=200000&chunked=7000"),
  answer("empty with a length", "bytes=0&header=content-length:0"),
  answer("empty and chunked", "bytes=0&chunked=1"),
  answer("compressed", "gzip=50000"),
  answer("trailers", "bytes=100&chunked=10&trailer=x-sum:1&trailer=x-more:2"),
  answer("no Date", "nodate=1"),
  answer("until the connection closes", "bytes=5000&close=1"),
  answer("length of what a GET would bring", "header=content-length:4711", "HEAD"),
  answer("no length for a HEAD", "chunked=1", "HEAD"),
  answer(
    "Content-Type and caching",
    "bytes=3&header=content-type:text/plain;charset%3Diso-8859-1&header=vary:*&header=cache-control:no-store&header=age:3",
  ),
  answer("ranges", "status=206&bytes=5&header=content-range:bytes%200-4/100&header=accept-ranges:bytes"),
  answer("no Content-Type", "bytes=5&notype=1"),
];
