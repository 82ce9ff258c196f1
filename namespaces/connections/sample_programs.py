"""*Try it*: programs that connect as one client and publish one message, or receive some, ready to be run. Pure text."""

import json
import re
import shlex
from dataclasses import dataclass

from certificates.samples.names import file_stem
from namespaces.authorization.topics import SHARED, filter_within


@dataclass(frozen=True)
class Trial:
    """What the programs need: where to, as whom, and what about. `ca` is empty where the server's CA is publicly trusted."""

    host: str
    port: int
    ca: str
    client_name: str
    authentication_name: str
    topic: str
    topic_filter: str = ""  # that the client may subscribe to; "" for none

    @property
    def file_name(self) -> str:
        """What the client's files are called, without the ending: as sample certificates name them."""
        return file_stem(self.authentication_name)

    @property
    def session(self) -> str:
        """A session name, which has at most 128 bytes, as a client name has."""
        return re.sub(r"[^A-Za-z0-9._-]", "_", self.client_name)[:124] + "-try"


@dataclass(frozen=True)
class Program:
    """One way to try. `language` says where the text goes."""

    title: str
    anchor: str
    language: str
    text: str


def programs(trial: Trial) -> tuple[Program, ...]:
    """The same attempt with mosquitto_pub, paho-mqtt (Python) and MQTT.js (Node), and mosquitto_sub to receive messages."""
    subscriber = Program("mosquitto_sub", "subscribe", "In a shell, to receive messages.", _mosquitto_sub(trial))
    return (
        Program("mosquitto_pub", "mosquitto", "In a shell, with mosquitto-clients.", _mosquitto(trial)),
        Program("paho-mqtt", "paho", "In Python, with paho-mqtt 2.", _paho(trial)),
        Program("MQTT.js", "mqttjs", "In Node, with the package mqtt.", _mqttjs(trial)),
        *((subscriber,) if trial.topic_filter else ()),
    )


def _mosquitto(trial: Trial) -> str:
    return f"mosquitto_pub {_mosquitto_options(trial)}  -t {shlex.quote(trial.topic)} -m hello -q 1 -d"


def _mosquitto_sub(trial: Trial) -> str:
    command = f"mosquitto_sub {_mosquitto_options(trial)}  -t {shlex.quote(trial.topic_filter)} -q 1 -d"
    if not trial.topic_filter.isprintable():
        return command  # a line break would end the comment
    shared = SHARED + "workers/" + filter_within(trial.topic_filter)
    sharing = "# To share the messages among several sessions, each with its own -i:"
    return f"{command}\n{sharing}\n#   -t {shlex.quote(shared)}"


def _mosquitto_options(trial: Trial) -> str:
    trust = f"--cafile {shlex.quote(trial.ca)}" if trial.ca else "--tls-use-os-certs"
    return (
        f"-V mqttv5 -h {shlex.quote(trial.host)} -p {trial.port} {trust} \\\n"
        f"  --cert {trial.file_name}.crt --key {trial.file_name}.key \\\n"
        f"  -u {shlex.quote(trial.authentication_name)} -i {trial.session} \\\n"
    )


def _in_python(text: str) -> str:
    """A literal in ASCII, as JSON has it but for what lies beyond 16 bits: two halves are no character in Python."""
    return "".join(json.dumps(c)[1:-1] if c <= "\uffff" else f"\\U{ord(c):08x}" for c in text).join('""')


def _paho(trial: Trial) -> str:
    trust = f"ca_certs={_in_python(trial.ca)}, " if trial.ca else ""
    return f"""import paho.mqtt.client as mqtt


def on_connect(client, userdata, flags, reason, properties):
    print("CONNACK:", reason, getattr(properties, "ReasonString", ""))
    if reason.is_failure:
        client.disconnect()
    else:
        client.publish({_in_python(trial.topic)}, "hello", qos=1)


def on_publish(client, userdata, mid, reason, properties):
    print("PUBACK:", reason)
    client.disconnect()


client = mqtt.Client(
    mqtt.CallbackAPIVersion.VERSION2,
    client_id={_in_python(trial.session)},
    protocol=mqtt.MQTTv5,
    reconnect_on_failure=False,
)
client.on_connect, client.on_publish = on_connect, on_publish
client.username_pw_set({_in_python(trial.authentication_name)})
client.tls_set({trust}certfile="{trial.file_name}.crt", keyfile="{trial.file_name}.key")
client.connect({_in_python(trial.host)}, {trial.port})
client.loop_forever()"""


def _mqttjs(trial: Trial) -> str:
    trust = f"  ca: fs.readFileSync({json.dumps(trial.ca)}),\n" if trial.ca else ""
    return f"""const fs = require("fs");
const mqtt = require("mqtt");

const client = mqtt.connect({{
  protocol: "mqtts",
  host: {json.dumps(trial.host)},
  port: {trial.port},
  protocolVersion: 5,
  clientId: {json.dumps(trial.session)},
  username: {json.dumps(trial.authentication_name)},
{trust}  cert: fs.readFileSync("{trial.file_name}.crt"),
  key: fs.readFileSync("{trial.file_name}.key"),
  reconnectPeriod: 0,
}});
client.on("connect", () => {{
  console.log("connected");
  client.publish({json.dumps(trial.topic)}, "hello", {{ qos: 1 }}, (error) => {{
    console.log(error ? error.message : "published");
    client.end();
  }});
}});
client.on("error", (error) => {{
  console.error(error.message);
  client.end();
}});"""
