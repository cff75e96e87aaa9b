"""The rules of Render's published schema of a blueprint, restated.

Source: https://render.com/schema/render.yaml.json and https://render.com/docs/blueprint-spec.
"""


def only(required: str = "", **properties: object) -> dict:
    """Return the schema of an object with these fields and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
YES_NO = {"type": "boolean"}
PLAN = {
    "enum": [
        *("free", "starter", "standard", "pro", "pro plus", "pro max", "pro ultra"),
        *("basic-256mb", "basic-1gb", "basic-4gb", "pro-4gb", "pro-8gb", "pro-16gb"),
    ]
}
REGION = {"enum": ["oregon", "ohio", "frankfurt", "singapore", "virginia"]}
IP_ALLOW_LIST = {"type": "array", "items": only("source", source=TEXT, description=TEXT)}
PREVIEWS = only(generation={"enum": ["automatic", "manual", "off"]}, expireAfterDays={"type": "number"})
NAMED_SERVICE = {
    "type": {"enum": ["web", "cron", "worker", "pserv", "static", "dpg", "job", "redis", "keyvalue"]},
    "name": TEXT,
}
ENV_VAR = {
    "oneOf": [
        only(
            "key",
            key=TEXT,
            value={"type": ["string", "number"]},
            generateValue=YES_NO,
            sync=YES_NO,
            previewValue={"type": ["string", "number"]},
        ),
        only("key fromDatabase", key=TEXT, fromDatabase=only("name property", name=TEXT, property=TEXT)),
        only(
            "key fromService",
            key=TEXT,
            fromService={
                "oneOf": [
                    only("type name envVarKey", **NAMED_SERVICE, envVarKey=TEXT),
                    only(
                        "type name property",
                        **NAMED_SERVICE,
                        property={"enum": ["host", "port", "hostport", "connectionString"]},
                    ),
                ]
            },
        ),
        only("fromGroup", fromGroup=TEXT),
    ]
}
SERVER = only(
    "type name runtime",
    type={"enum": ["web", "worker", "pserv"]},
    name=TEXT,
    runtime={"enum": ["docker", "elixir", "go", "image", "node", "python", "ruby", "rust", "static"]},
    plan=PLAN,
    region=REGION,
    repo=TEXT,
    branch=TEXT,
    image=only("url", url=TEXT, creds={"type": "object"}),
    rootDir=TEXT,
    dockerfilePath=TEXT,
    dockerContext=TEXT,
    dockerCommand=TEXT,
    registryCredential={"type": "object"},
    buildCommand=TEXT,
    startCommand=TEXT,
    preDeployCommand=TEXT,
    initialDeployHook=TEXT,
    healthCheckPath=TEXT,
    numInstances={"type": "integer", "minimum": 1},
    scaling={"type": "object"},
    domain=TEXT,
    domains=TEXTS,
    envVars={"type": "array", "items": ENV_VAR},
    disk={"type": "object"},
    buildFilter=only(paths=TEXTS, ignoredPaths=TEXTS),
    autoDeploy=YES_NO,
    autoDeployTrigger={"enum": ["off", "commit", "checksPass"]},
    previews={"type": "object"},
    maxShutdownDelaySeconds={"type": "integer", "minimum": 1, "maximum": 300},
    ipAllowList=IP_ALLOW_LIST,
    renderSubdomainPolicy={"enum": ["enabled", "disabled"]},
)
KEY_VALUE = only(
    "type name ipAllowList",
    type={"enum": ["keyvalue", "redis"]},
    name=TEXT,
    region=REGION,
    plan=PLAN,
    previewPlan=PLAN,
    maxmemoryPolicy={
        "enum": [
            *("allkeys-lru", "volatile-lru", "allkeys-lfu", "volatile-lfu"),
            *("allkeys-random", "volatile-random", "volatile-ttl", "noeviction"),
        ]
    },
    ipAllowList=IP_ALLOW_LIST,
)
DATABASE = only(
    "name",
    name=TEXT,
    databaseName=TEXT,
    user=TEXT,
    region=REGION,
    plan=PLAN,
    diskSizeGB={"type": "integer", "minimum": 1},
    storageAutoscalingEnabled=YES_NO,
    previewPlan=PLAN,
    previewDiskSizeGB={"type": "integer", "minimum": 1},
    postgresMajorVersion={"enum": [str(version) for version in range(10, 19)]},
    highAvailability=only("enabled", enabled=YES_NO),
    ipAllowList=IP_ALLOW_LIST,
    readReplicas={"type": "array", "items": only(name=TEXT)},
)
BLUEPRINT = only(
    services={"type": "array", "items": {"oneOf": [SERVER, KEY_VALUE]}},
    databases={"type": "array", "items": DATABASE},
    envVarGroups={"type": "array"},
    previews=PREVIEWS,
    projects={"type": "array"},
    ungrouped={"type": "object"},
    version={"const": "1"},
)
