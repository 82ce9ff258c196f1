"""Models of namespaces."""

from namespaces.models.configuration import PREVIEW, NamespaceConfiguration
from namespaces.models.core import Client, ClientCertificate, ConnectionAttempt, Namespace, NamespaceRole, Role
from namespaces.models.resource import NamespaceResource
from namespaces.models.topic_rules import ClientGroup, PermissionBinding, Rule, TopicRule, TopicSpace

__all__ = [
    "PREVIEW",
    "Client",
    "ClientCertificate",
    "ClientGroup",
    "ConnectionAttempt",
    "Namespace",
    "NamespaceConfiguration",
    "NamespaceResource",
    "NamespaceRole",
    "PermissionBinding",
    "Role",
    "Rule",
    "TopicRule",
    "TopicSpace",
]
