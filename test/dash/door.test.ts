import assert from "node:assert/strict";
import { test } from "node:test";
import { Door } from "../../src/dash/door.ts";

const token = "a_token-of-chance";
const host = "127.0.0.1:8420";
const door = new Door(8420, token);

function admitted(url: string, headers: Record<string, string> = {}): string {
  const entry = door.admit({ url, headers: { host, ...headers } });
  return "path" in entry ? entry.path : "refused";
}

test("door: the token may be in the path, in the query or in a header", () => {
  assert.equal(admitted(`/${token}/`), "/");
  assert.equal(admitted(`/${token}/core/step.js?again`), "/core/step.js");
  assert.equal(admitted(`/metrics?token=${token}`), "/metrics");
  assert.equal(admitted("/metrics", { authorization: `Bearer ${token}` }), "/metrics");
  assert.equal(admitted(`/${token}`), "", "to be sent to the address with its slash");
  assert.equal(admitted(`/?token=${token}`), "", "its files would have no token");
});

test("door: without the token, or with another, nobody comes in", () => {
  const other = "x".repeat(token.length);
  for (const url of [
    `/${other}/`,
    `/metrics?token=${other}`,
    "/",
    "/metrics",
    "/wrong/",
    `/${token}x/`,
    `/x/${token}/`,
    "/?token=",
    "//",
  ]) {
    assert.equal(admitted(url), "refused", url);
  }
  assert.equal(admitted("/metrics", { authorization: "Bearer wrong" }), "refused");
  assert.equal(admitted("/metrics", { authorization: "Basic x" }), "refused");
  assert.equal(admitted(`/${token.slice(1)}é/`), "refused");
});

test("door: a name that somebody made point here is another host's, token or not", () => {
  for (const other of [
    "evil.example:8420",
    "127.0.0.1",
    "127.0.0.1:80",
    "localhost.evil:8420",
    "",
  ]) {
    assert.equal(admitted(`/${token}/`, { host: other }), "refused", other);
  }
  assert.equal(admitted(`/${token}/`, { host: "localhost:8420" }), "/");
});

test("door: an origin of its own, or none", () => {
  const own = (origin?: string): boolean => {
    return door.isOwnOrigin({ headers: origin === undefined ? {} : { origin } });
  };
  assert.ok(own() && own("http://127.0.0.1:8420") && own("http://localhost:8420"));
  for (const other of ["null", "http://127.0.0.1:8421", "https://127.0.0.1:8420", "http://x"]) {
    assert.equal(own(other), false, other);
  }
});

test("door: where nothing is secret, only the host's name counts", () => {
  const open = new Door(8421, null);
  assert.deepEqual(open.admit({ url: "/a?b", headers: { host: "localhost:8421" } }), {
    path: "/a",
  });
  assert.ok("refused" in open.admit({ url: "/a", headers: { host: "evil.example:8421" } }));
});
