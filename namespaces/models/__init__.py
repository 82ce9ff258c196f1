"""Models of namespaces."""

from namespaces.models.access_requests import AccessRequest
from namespaces.models.change_sets import Approval, Change, ChangeSet, ChangeSetComment, ControlPolicy
from namespaces.models.client_imports import ClientImport, ImportRow
from namespaces.models.configuration import PREVIEW, NamespaceConfiguration
from namespaces.models.connection_counts import ConnectionCount, RefusedName
from namespaces.models.connections import ClientCertificate, ConnectionAttempt, RefusedOperation
from namespaces.models.core import Client, Namespace, NamespaceRole, Possession, Role
from namespaces.models.decisions import DecisionChange, DecisionPoint, LastAttempt, SwitchCheck
from namespaces.models.former import FormerPolicy, FormerRole, FormerThumbprint
from namespaces.models.issuer_alarms import IssuerAlarm
from namespaces.models.resource import NamespaceResource
from namespaces.models.topic_rules import ClientGroup, PermissionBinding, Rule, TopicRule, TopicSpace

__all__ = [
    "PREVIEW",
    "AccessRequest",
    "Approval",
    "Change",
    "ChangeSet",
    "ChangeSetComment",
    "Client",
    "ClientCertificate",
    "ClientGroup",
    "ClientImport",
    "ConnectionAttempt",
    "ConnectionCount",
    "ControlPolicy",
    "DecisionChange",
    "DecisionPoint",
    "FormerPolicy",
    "FormerRole",
    "FormerThumbprint",
    "ImportRow",
    "IssuerAlarm",
    "LastAttempt",
    "Namespace",
    "NamespaceConfiguration",
    "NamespaceResource",
    "NamespaceRole",
    "PermissionBinding",
    "Possession",
    "RefusedName",
    "RefusedOperation",
    "Role",
    "Rule",
    "SwitchCheck",
    "TopicRule",
    "TopicSpace",
]
