"""Bounds on devices and on what portal and process say to each other."""

PER_PERSON = 3
MOST_DEVICES = 120  # in one process: a class of thirty and its trainer
IDLE_SECONDS = 15 * 60  # without a page that shows it or a command
LONGEST_SECONDS = 12 * 3600
PACKETS_KEPT = 200  # of one device
LOG_KEPT = 200  # lines of one device's MQTT library
LONGEST_TEXT = 600  # characters of one line
SHOWN_PAYLOAD = 200  # bytes of a message that are shown
MOST_REQUEST = 64 * 1024  # bytes of a request to the process
MOST_ANSWER = 2 * 1024 * 1024  # every line as long as it may be, in control characters
REQUEST_SECONDS = 5.0  # for one exchange
CONNECT_SECONDS = 10.0  # until CONNACK
MOST_PACKET = 64 * 1024  # bytes of a packet that a device takes
KEEP_ALIVE = 60  # seconds

MOST_CLIENT_ID = 128  # characters
MOST_TOPIC = 256  # bytes
MOST_PAYLOAD = 4096  # bytes
MOST_UNANSWERED = 50  # packets that the endpoint has not acknowledged
MOST_CONNECTING = 32  # devices that connect at once
MOST_FILTERS = 20  # subscriptions of one device
