"""The kinds of files that create a namespace again."""

from collections.abc import Mapping

from namespaces.models import Namespace
from namespaces.pages.az_extension import ResourceId
from namespaces.pages.recreation.arm_template import ARM_TEMPLATE
from namespaces.pages.recreation.az_script import AZ_SCRIPT
from namespaces.pages.recreation.bicep import BICEP
from namespaces.pages.recreation.files import Format, Scope
from namespaces.pages.recreation.parts import Part
from namespaces.pages.recreation.terraform import TERRAFORM

FORMATS: Mapping[str, Format] = {each.key: each for each in (ARM_TEMPLATE, BICEP, TERRAFORM, AZ_SCRIPT)}


def scope_of(namespace: Namespace, whole: Part) -> Scope:
    """Return what the files begin with; `whole` is the part that creates the namespace itself."""
    target = ResourceId.of(namespace.resource_id)
    return Scope(target.subscription, target.group, target.namespace, namespace.location, whole.api_version)
