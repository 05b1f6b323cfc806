// Who Mosquitto lets in, and what the others are told.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TlsFiles } from "../../src/link/mqtt-place.ts";
import { issue } from "../link/certificate.ts";
import { earAt, refuses } from "../link/mqtt-stage.ts";
import { Mosquitto } from "./mosquitto.ts";

let mosquitto: Mosquitto;
before(async () => {
  mosquitto = await Mosquitto.start();
});
after(() => mosquitto.close());

for (const version of [5, 4] as const) {
  const refused = (tls: TlsFiles, line: RegExp): Promise<void> =>
    refuses(earAt(mosquitto.securePlace(version, tls), "host"), line);

  test(`mosquitto: certificates, MQTT ${version}`, async () => {
    const { lab } = mosquitto;
    const good = mosquitto.tlsOf(issue({ name: "arm-1", by: lab }));
    await earAt(mosquitto.securePlace(version, good), "robot");
    const { ca } = good;
    await refused({ ca }, /it wants a client certificate: give tls\.cert and tls\.key$/);
    const old = mosquitto.tlsOf(issue({ name: "old", by: lab, to: 2021 }));
    await refused(old, /it says that .*old\.pem has expired: renew it$/);
    const other = mosquitto.tlsOf(issue({ name: "other", by: issue({ name: "X", ca: true }) }));
    await refused(other, /it does not know who signed .*other\.pem$/);
    const stranger = issue({ name: "stranger", ca: true });
    const wrongCa = mosquitto.file("wrong-ca.pem", [stranger.cert]);
    await refused({ ...good, ca: wrongCa }, /its certificate is not from .*wrong-ca\.pem: give/);
    const place = mosquitto.securePlace(version, good);
    const elsewhere = { ...place, url: place.url.replace("localhost", "127.0.0.1") };
    await refuses(earAt(elsewhere, "host"), /its certificate is not for 127\.0\.0\.1: give a name/);
    const plain = { ...place, url: place.url.replace("mqtts", "mqtt"), tls: undefined };
    await refuses(earAt(plain, "host"), /it closed the connection: is its port for mqtts:\/\/\?/);
  });

  test(`mosquitto: names and passwords, MQTT ${version}`, async () => {
    const at = (...lines: string[]): Promise<unknown> =>
      earAt(mosquitto.namedPlace(version, mosquitto.file("user", lines)), "robot");
    const good = mosquitto.namedPlace(version, mosquitto.file("good", ["arm-1", "s3cret"]));
    await earAt(good, "robot");
    await refuses(at("arm-1", "not-this"), /it (refuses|does not let) the user of .*user( in|:)/);
    await refuses(at("nobody", "s3cret"), /it (refuses|does not let) the user of .*user( in|:)/);
    const nameless = earAt(mosquitto.namedPlace(version, undefined), "robot");
    await refuses(nameless, /it (refuses|does not let) who gives no credentials/);
    await assert.rejects(at("arm-1", "not-this"), (error: Error) => {
      assert.ok(!/not-this|arm-1/.test(`${error.message} ${JSON.stringify(error)}`));
      return true;
    });
  });
}
