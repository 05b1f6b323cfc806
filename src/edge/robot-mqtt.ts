import * as v from "valibot";
import { isBrokerUrl, isTopic, type MqttPlace } from "../link/mqtt-place.ts";

const text = v.pipe(v.string("give a text"), v.nonEmpty("give a text that is not empty"));
const topic = v.pipe(text, v.check(isTopic, "give a topic without +, # or spaces"));

const brokerAdvice =
  "give mqtt://host:port or mqtts://host:port, and a user's name and password in credentials:";

const tlsSchema = v.pipe(
  v.strictObject({ ca: v.optional(text), cert: v.optional(text), key: v.optional(text) }),
  v.check(
    ({ cert, key }) => (cert === undefined) === (key === undefined),
    "a client certificate needs its key: give cert and key, or neither",
  ),
);

/** `link.mqtt` of a robot file. */
export const mqttSchema: v.GenericSchema<unknown, Omit<MqttPlace, "robot">> = v.pipe(
  v.strictObject({
    url: v.pipe(text, v.check(isBrokerUrl, brokerAdvice)),
    prefix: v.optional(topic, "sinew"),
    protocolVersion: v.optional(v.picklist([5, 4], "give 5, or 4 for MQTT 3.1.1"), 5),
    tls: v.optional(tlsSchema),
    credentials: v.optional(text),
  }),
  v.forward(
    v.check(
      ({ url, tls }) => tls === undefined || url.startsWith("mqtts:"),
      "certificates need a url of mqtts://",
    ),
    ["tls"],
  ),
);
