import { expect, test } from "vitest";
import { networkOf } from "../../support/machine.ts";

test("what leads to the registry stays, in either spelling; nothing else does", () => {
  const kept = {
    NODE_EXTRA_CA_CERTS: "/ca.pem",
    SSL_CERT_FILE: "/ca.pem",
    SSL_CERT_DIR: "/ca",
    HTTPS_PROXY: "http://proxy:3128",
    no_proxy: "localhost",
    npm_config_registry: "http://127.0.0.1:4873/",
    NPM_CONFIG_CAFILE: "/ca.pem",
    npm_config_noproxy: "",
  };
  const dropped = {
    RUNNER_RELAY_API_KEY: "secret",
    NODE_OPTIONS: "--inspect",
    npm_config_local_prefix: "/somewhere",
    npm_config_user_agent: "npm/11",
    npm_lifecycle_event: "test",
    MY_PROXY_NAME: "x",
    UNSET: undefined,
  };
  expect(networkOf({ ...kept, ...dropped })).toEqual(kept);
});
