"""gunicorn for production: `gunicorn --config deploy/gunicorn.conf.py portal.wsgi`.

Each value can be changed by a variable of the environment file, named beside it in docs/production.md.
"""

import os

bind = os.environ.get("PORTAL_BIND", "127.0.0.1:8000")  # or unix:/run/mqtt-portal-web/web.sock
workers = int(os.environ.get("PORTAL_WEB_PROCESSES", "2"))
threads = int(os.environ.get("PORTAL_WEB_THREADS", "8"))
# gunicorn's threaded worker, in which slow and half-open requests take no thread.
worker_class = "portal.serving.bounded_worker.BoundedThreadWorker"
worker_connections = 1000
timeout = 60  # seconds without a sign of life from a process
graceful_timeout = 30
keepalive = 15
max_requests = 20_000  # a fresh process now and then, not all at once
max_requests_jitter = 2_000
control_socket_disable = True
# The portal itself decides whose X-Forwarded-* headers count (PORTAL_TRUSTED_PROXIES); gunicorn believes none.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}

# No access log: the proxy has one, without the secret calendar addresses (deploy/nginx.conf). Errors are JSON lines.
accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "portal.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False}},
}
