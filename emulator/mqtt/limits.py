"""Every limit of the MQTT endpoint, in one place.

Where Event Grid documents a limit the number is Event Grid's ("MQTT support in Azure Event Grid", "Quotas and limits");
the others protect this process.
"""

# Event Grid
MAX_PACKET_BYTES = 524_288
MAX_KEEP_ALIVE_SECONDS = 1_160
MAX_TOPIC_BYTES = 256  # segments: `AzureProfile.max_topic_segments`
MAX_TOPIC_ALIASES = 10
MAX_FILTERS_PER_SUBSCRIBE = 10
MAX_SUBSCRIPTIONS_PER_SESSION = 50
MAX_IN_FLIGHT_OUTGOING = 16
MAX_IN_FLIGHT_INCOMING = 1_000
MAX_QUEUED_MESSAGES = 100
MAX_QUEUED_BYTES = 1_048_576
MAX_SESSION_NAME_BYTES = 128
DEFAULT_SESSION_EXPIRY_HOURS = 1
DEFAULT_SESSIONS_PER_NAME = 1
MAX_RETAINED_BYTES = 65_536
RETAINED_MESSAGES_PER_UNIT = 10_000  # and throughput unit of the namespace
RETAINED_BYTES_PER_UNIT = 671_088_640

MAX_WILL_DELAY_SECONDS = 300
MAX_USER_PROPERTIES_BYTES = 32_768
MAX_PROPERTY_BYTES = 256  # content type, response topic, correlation data

# This process
HANDSHAKE_TIMEOUT_SECONDS = 15.0
CONNECT_TIMEOUT_SECONDS = 15.0
GOODBYE_SECONDS = 2.0  # for a client that has sent DISCONNECT to close the connection; then the endpoint closes it
LINGER_SECONDS = 5.0  # for a client to read the last bytes of a closed connection and to close it too
STOP_SECONDS = 1.0  # the same when the endpoint stops
MAX_CONNECTIONS = 10_000  # per listener
MAX_OPEN_HANDSHAKES = 500  # per listener
MAX_SESSIONS = 10_000  # per namespace; Event Grid: per throughput unit
MAX_BUFFERED_OUTGOING_BYTES = 262_144  # per connection; then its reading pauses and QoS 0 is dropped
MAX_READ_BYTES = 32_768  # of one connection at once, so that others get their turn: these may be 16,000 PINGREQs
MAX_HTTP_HEAD_BYTES = 98_304  # of a request: user properties of 32 KB, in base64, with the other headers
HTTP_REQUEST_SECONDS = 30.0  # for a whole request, and until the next one of a kept connection
MAX_FIRST_PACKET_BYTES = 131_072  # the largest will and its properties fit; the client is not authenticated yet
MAX_HELD_BYTES = 268_435_456  # queued and unacknowledged messages of one namespace together
MAX_GROUP_QUEUED_MESSAGES = 10_000  # waiting for the members of one shared subscription
MAX_GROUP_QUEUED_BYTES = 67_108_864
SHARED_RETRY_SECONDS = 20.0  # without an acknowledgement; then another member is sent the message too
MAX_REASON_STRING = 1_024  # characters of a reason string, so that small clients accept it
MAX_DENIALS_LOGGED = 50  # per connection, so that a flood of denied messages does not flood the log
