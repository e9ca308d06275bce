"""
moto_server, with what sysbackup asks for and moto leaves out, mostly parts of CloudFormation that its template uses:

- What `!Ref AWS::NoValue` stands for is left out of lists, not only of mappings.
- Parameters are texts, those of the type Number too.
- A bucket gets its lock, versioning, public access block, lifecycle and owner; there are bucket policies.
- A role gets its managed policies; there are groups. Roles, policies, groups and buckets can be updated.
- GetObjectRetention, which moto takes for a request for the object.
- What is kept but for a failed creation is kept when a stack is deleted.
- A stack that cannot be created is gone, as after a rollback that somebody has cleared away.
- Requests are answered one at a time: moto changes its dictionaries while other threads walk through them.

What moto has no stack event for, such as the single resources, has none here either.
"""

import json
from io import BytesIO
from threading import Lock

from moto.cloudformation import parsing
from moto.cloudformation.models import CloudFormationBackend
from moto.core.common_models import CloudFormationModel
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3.models import FakeBucket, s3_backends
from moto.s3.responses import S3Response
from moto.server import main
from moto.utilities.utils import get_partition


def replace(owner, name):
    """Makes the decorated function the method of that name; its first parameter is the one it replaces."""

    def decorate(function):
        found = owner.__dict__[name]
        bound = isinstance(found, classmethod)
        before = found.__func__ if bound else found
        method = lambda *given, **named: function(before, *given, **named)
        setattr(owner, name, classmethod(method) if bound else method)

    return decorate


def replace_function(module, name):
    def decorate(function):
        before = getattr(module, name)
        setattr(module, name, lambda *given: function(before, *given))

    return decorate


busy = Lock()


@replace(DomainDispatcherApplication, "__call__")
def answer_alone(before, application, environ, start_response):
    # Read first: nobody may keep the others waiting by a body that does not come.
    if "CONTENT_LENGTH" in environ:
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0)))
    elif environ.get("wsgi.input_terminated"):
        environ["wsgi.input"] = BytesIO(environ["wsgi.input"].read())
    with busy:
        return before(application, environ, start_response)


@replace_function(parsing, "clean_json")
def clean_json(before, value, resources):
    cleaned = before(value, resources)
    return [item for item in cleaned if item is not None] if isinstance(value, list) else cleaned


@replace(parsing.ResourceMap, "load_parameters")
def load_parameters(before, resources):
    before(resources)
    for name, value in resources.resolved_parameters.items():
        if isinstance(value, (int, float)):
            resources.resolved_parameters[name] = str(value)
    resources._parsed_resources.update(resources.resolved_parameters)


@replace(parsing.ResourceMap, "delete")
def delete_all(before, resources):
    for resource in resources._resource_json_map.values():
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate":
            resource["DeletionPolicy"] = "Retain"
    return before(resources)


@replace(CloudFormationBackend, "create_stack")
def create_stack(before, backend, name, *given, **named):
    known = set(backend.stacks)
    try:
        return before(backend, name, *given, **named)
    except Exception:
        for made in set(backend.stacks) - known:
            stack = backend.stacks.pop(made)
            for export in [name for name, found in backend.exports.items() if found.exporting_stack_id == made]:
                del backend.exports[export]
            stack.resource_map.delete()
        raise


# ----------------------------------------------------------------------------------------------------------------------- S3


@replace(S3Response, "_key_response_get")
def get_object_or_retention(before, response, query, key_name):
    if "retention" not in query:
        return before(response, query, key_name)
    key, _ = response._get_key()
    if not key.lock_mode:
        return 404, {}, "<Error><Code>NoSuchObjectLockConfiguration</Code><Message>no lock</Message></Error>"
    lock = f"<Mode>{key.lock_mode}</Mode><RetainUntilDate>{key.lock_until}</RetainUntilDate>"
    return 200, {"content-type": "application/xml"}, f"<Retention>{lock}</Retention>"


def configure_bucket(bucket, properties):
    backend = s3_backends[bucket.account_id][bucket.partition]
    if "VersioningConfiguration" in properties:
        bucket.versioning_status = properties["VersioningConfiguration"]["Status"]
    if properties.get("ObjectLockEnabled"):
        bucket.object_lock_enabled = True
    if "ObjectLockConfiguration" in properties:
        retention = properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
        bucket.default_lock_mode = retention["Mode"]
        bucket.default_lock_days = int(retention["Days"])
        bucket.default_lock_years = 0
    if "PublicAccessBlockConfiguration" in properties:
        block = properties["PublicAccessBlockConfiguration"]
        words = {name: str(value).lower() for name, value in block.items()}
        backend.put_public_access_block(bucket.name, words)
    if "OwnershipControls" in properties:
        bucket.ownership_rule = properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
    if "LifecycleConfiguration" in properties:
        backend.put_bucket_lifecycle(bucket.name, [lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]])


def lifecycle_rule(rule):
    """As S3's own requests have it."""
    # The last two as s3-sysbackup's template writes them.
    moved = ("ExpiredObjectDeleteMarker", "ExpirationInDays", "NoncurrentVersionExpirationInDays")
    renamed = {("ID" if key == "Id" else key): value for key, value in rule.items() if key not in moved}
    if "ExpirationInDays" in rule:
        renamed["Expiration"] = {"Days": str(rule["ExpirationInDays"])}
    if "NoncurrentVersionExpirationInDays" in rule:
        renamed["NoncurrentVersionExpiration"] = {"NoncurrentDays": str(rule["NoncurrentVersionExpirationInDays"])}
    if "ExpiredObjectDeleteMarker" in rule:
        renamed["Expiration"] = {"ExpiredObjectDeleteMarker": str(rule["ExpiredObjectDeleteMarker"]).lower()}
    return {"Filter": {"Prefix": ""}, **renamed}


@replace(FakeBucket, "create_from_cloudformation_json")
def create_bucket(before, cls, resource_name, cloudformation_json, *given, **named):
    bucket = before(cls, resource_name, cloudformation_json, *given, **named)
    configure_bucket(bucket, cloudformation_json["Properties"])
    return bucket


@replace(FakeBucket, "update_from_cloudformation_json")
def update_bucket(before, cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    properties = {"BucketName": original_resource.name, **cloudformation_json["Properties"]}
    json_ = {**cloudformation_json, "Properties": properties}
    bucket = before(cls, original_resource, new_resource_name, json_, account_id, region_name)
    configure_bucket(bucket, properties)
    return bucket


class Resource:
    """What there is once its request has been made."""

    # Each class names a module: moto looks there for the service.

    @classmethod
    def has_cfn_attr(cls, attr):
        return False

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    def is_created(self):
        return True


class BucketPolicy(Resource, CloudFormationModel):
    __module__ = "moto.s3"

    def __init__(self, backend, bucket):
        self.backend = backend
        self.physical_resource_id = bucket

    @staticmethod
    def cloudformation_name_type():
        return ""

    @staticmethod
    def cloudformation_type():
        return "AWS::S3::BucketPolicy"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **named):
        properties = cloudformation_json["Properties"]
        backend = s3_backends[account_id][get_partition(region_name)]
        backend.put_bucket_policy(properties["Bucket"], json.dumps(properties["PolicyDocument"]).encode())
        return cls(backend, properties["Bucket"])

    def delete(self, account_id, region_name):
        self.backend.delete_bucket_policy(self.physical_resource_id)


# ---------------------------------------------------------------------------------------------------------------------- IAM


def configure_role(role, properties):
    backend = iam_backends[role.account_id][role.partition]
    backend.update_assume_role_policy(role.name, json.dumps(properties["AssumeRolePolicyDocument"]))
    for arn in properties.get("ManagedPolicyArns", []):
        if arn not in role.managed_policies:
            backend.attach_role_policy(arn, role.name)
    backend.tag_role(role.name, properties.get("Tags", []))


@replace(Role, "create_from_cloudformation_json")
def create_role(before, cls, resource_name, cloudformation_json, *given, **named):
    role = before(cls, resource_name, cloudformation_json, *given, **named)
    configure_role(role, cloudformation_json["Properties"])
    return role


@replace(Role, "update_from_cloudformation_json")
def update_role(before, cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    properties = cloudformation_json["Properties"]
    original_resource.description = properties.get("Description", "")
    original_resource.max_session_duration = properties.get("MaxSessionDuration", 3600)
    configure_role(original_resource, properties)
    return original_resource


@replace(Role, "delete_from_cloudformation_json")
def delete_role(before, cls, resource_name, cloudformation_json, account_id, region_name):
    # moto refuses a role with policies, and deletes in any order.
    backend = iam_backends[account_id][get_partition(region_name)]
    for arn in list(backend.get_role(resource_name).managed_policies):
        backend.detach_role_policy(arn, resource_name)
    return before(cls, resource_name, cloudformation_json, account_id, region_name)


def update_managed_policy(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    document = json.dumps(cloudformation_json["Properties"]["PolicyDocument"])
    policy = original_resource
    del policy.versions[:-4]
    iam_backends[account_id][get_partition(region_name)].create_policy_version(policy.arn, document, True)
    return policy


ManagedPolicy.update_from_cloudformation_json = classmethod(update_managed_policy)


class Group(Resource, CloudFormationModel):
    __module__ = "moto.iam"

    def __init__(self, backend, name):
        self.backend = backend
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type():
        return "GroupName"

    @staticmethod
    def cloudformation_type():
        return "AWS::IAM::Group"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **named):
        properties = cloudformation_json["Properties"]
        backend = iam_backends[account_id][get_partition(region_name)]
        name = properties.get("GroupName", resource_name)
        backend.create_group(name, properties.get("Path", "/"))
        return cls.configured(backend, name, properties)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        return cls.configured(original_resource.backend, original_resource.physical_resource_id, cloudformation_json["Properties"])

    @classmethod
    def configured(cls, backend, name, properties):
        for policy in properties.get("Policies", []):
            backend.put_group_policy(name, policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
        attached = backend.get_group(name).managed_policies
        for arn in properties.get("ManagedPolicyArns", []):
            if arn not in attached:
                backend.attach_group_policy(arn, name)
        return cls(backend, name)

    def delete(self, account_id, region_name):
        group = self.backend.get_group(self.physical_resource_id)
        group.policies.clear()
        self.backend.delete_group(self.physical_resource_id)


main()
