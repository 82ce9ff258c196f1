// Connects with MQTT.js, subscribes, publishes, and prints what came of it as one line of JSON.
// usage: node mqtt_talk.js '{"url", "version", "ca", "certificate", "key", "user", "session", "topic", "count", "qos", "filter", "identifier", "tls"}'
const fs = require("fs");
const mqtt = require("mqtt");

const wish = JSON.parse(process.argv[2]);
const got = [];
const identifiers = new Set();

function end(answer, status) {
  console.log(JSON.stringify(answer));
  process.exit(status);
}

const client = mqtt.connect(wish.url, {
  protocolVersion: wish.version,
  clientId: wish.session,
  username: wish.user,
  ca: fs.readFileSync(wish.ca),
  cert: fs.readFileSync(wish.certificate),
  key: fs.readFileSync(wish.key),
  reconnectPeriod: 0,
  connectTimeout: 15000,
  ...wish.tls,
});
client.on("error", (error) => end({ refused: error.code, said: error.message }, 0));
client.on("message", (topic, payload, packet) => {
  got.push(payload.toString());
  if (wish.identifier) identifiers.add(packet.properties.subscriptionIdentifier);
  const answer = wish.identifier ? { got, identifiers: [...identifiers] } : { got };
  if (got.length === wish.count) client.end(false, {}, () => end(answer, 0));
});
client.on("connect", () => {
  const options = wish.identifier ? { properties: { subscriptionIdentifier: wish.identifier } } : {};
  client.subscribe(wish.filter || wish.topic, { qos: wish.qos, ...options }, (error) => {
    if (error) end({ refused: "subscribe", said: error.message }, 0);
    for (let number = 0; number < wish.count; number += 1) {
      client.publish(wish.topic, String(number), { qos: wish.qos });
    }
  });
});
setTimeout(() => end({ refused: "time", got }, 1), 20000);
