"""The help page: the guide, the terms, the keys and the version."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal import __version__
from portal.pages.articles import article_url
from portal.registry import shell_items

# Microsoft's articles: name of the page there, and what it is about.
LINKS = (
    ("mqtt-certificate-chain-client-authentication", "The guide: authenticate clients by a CA certificate chain"),
    ("mqtt-client-certificate-authentication", "How client certificates are validated"),
    ("mqtt-clients", "Clients and their validation schemes"),
    ("mqtt-client-groups", "Client groups"),
    ("mqtt-topic-spaces", "Topic spaces and topic templates"),
    ("mqtt-access-control", "Permission bindings: who may publish and subscribe"),
    ("mqtt-support", "What of MQTT 3.1.1 and 5 is supported"),
)
TERMS = (
    ("Attributes", "Keys and values of a client. Client groups select clients by them."),
    ("Authentication name", "The name that a client connects with: its user name in MQTT, or a field of its certificate. Unique in a "
     "namespace, and fixed once the client is created."),
    ("CA certificate", "The certificate that signed the clients' certificates, often an intermediate one. Upload the one that signed them "
     "directly; the root above it is not needed."),
    ("Chain", "The client's certificate, the certificate that signed it, and so on up to the root."),
    ("Client", "A device or program that is registered to connect. It needs a certificate that its validation scheme accepts."),
    ("Client group", "The clients that need the same topics, found by a query on their attributes."),
    ("Connection log", "Each attempt to connect, with the decision and its reason. The emulator has one; Azure sends none to this portal."),
    ("Drift", "A difference between what the portal holds and what Azure holds. A person decides which of the two is right."),
    ("Emulator", "An Azure on this machine: it answers as Azure Resource Manager does, and MQTT clients connect to it."),
    ("Leaf certificate", "The certificate at the end of a chain: the client's own. It cannot sign others, so it is no CA certificate."),
    ("Permission binding", "Lets a client group publish or subscribe in a topic space. What none allows is denied."),
    ("Sync", "Sends each change to Azure in the background. A row is Succeeded when Azure holds the same."),
    ("Thumbprint", "The SHA-256 hash of a certificate. With Thumbprint Match a client may only use certificates with these thumbprints."),
    ("Topic space", "A set of topics, written as templates such as machines/${client.authenticationName}/#."),
    ("Trace", "The steps of the decision about one attempt, with the values that were compared and how to fix the step that failed."),
    ("Validation scheme", "Which field of the certificate must be the authentication name: the subject's common name, a DNS, URI, IP or "
     "e-mail name; or Thumbprint Match."),
)  # fmt: skip
KEYS = (
    (("Ctrl", "K"), "Search pages, namespaces, certificates and clients"),
    (("↓", "↑"), "Go through the results"),
    (("Esc",), "Close the results, a menu or a pane. What you typed in a pane is kept until you cancel"),
    (("Tab",), "Go to the next field, link or button; with Shift to the one before"),
    (("Space",), "Select the row, or press the button"),
)


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    articles = [(article_url(name), words) for name, words in LINKS]
    context = {"articles": articles, "terms": TERMS, "keys": KEYS, "version": __version__}
    # `portal` knows no other app: the lab is there where its menu item is.
    has_lab = (
        any(item.url_name == "lab:home" for item in shell_items(request.user))
        if request.user.is_authenticated
        else False
    )
    return render(request, "portal/help.html", context | {"has_lab": has_lab})
