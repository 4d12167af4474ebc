"""Schemas of the chart's custom resources: the fields that it uses, and no others, as their projects document them."""

from typing import Any

Schema = dict[str, Any]


def exactly(required: dict[str, Schema], **optional: Schema) -> Schema:
    properties = required | optional
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


def each(item: Schema, *, least: int = 1) -> Schema:
    return {"type": "array", "minItems": least, "items": item}


TEXT: Schema = {"type": "string", "minLength": 1}
COUNT: Schema = {"type": "integer", "minimum": 0}
DURATION: Schema = {"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
METADATA = exactly({"name": TEXT, "labels": TEXTS})


def resource(spec: Schema) -> Schema:
    return exactly({"apiVersion": TEXT, "kind": TEXT, "metadata": METADATA, "spec": spec})


# KEDA 2.12 and newer: metadata of a scaler are strings, whatever they mean
STREAMS = exactly(
    {
        "stream": TEXT,
        "consumerGroup": TEXT,
        "lagCount": {"type": "string", "pattern": "^[1-9][0-9]*$"},
    },
    address=TEXT,
    addresses=TEXT,
    sentinelMaster=TEXT,
    databaseIndex=TEXT,
    username=TEXT,
    enableTLS={"enum": ["true", "false"]},
)
TRIGGER = exactly(
    {"type": {"enum": ["redis-streams", "redis-cluster-streams", "redis-sentinel-streams"]}, "metadata": STREAMS},
    authenticationRef=exactly({"name": TEXT}),
)
SCALED_OBJECT = exactly(
    {
        "scaleTargetRef": exactly({"name": TEXT}),
        "minReplicaCount": {"type": "integer", "minimum": 1},
        "maxReplicaCount": COUNT,
        "triggers": each(TRIGGER),
    },
    pollingInterval=COUNT,
    fallback=exactly({"failureThreshold": COUNT, "replicas": COUNT}, behavior=TEXT),
    advanced=exactly(
        {
            "horizontalPodAutoscalerConfig": exactly(
                {"behavior": exactly({"scaleDown": exactly({"stabilizationWindowSeconds": COUNT})})}
            )
        }
    ),
)
PARAMETER = {"enum": ["password", "sentinelPassword", "ca", "cert", "key", "tls"]}
TRIGGER_AUTHENTICATION = exactly(
    {"secretTargetRef": each(exactly({"parameter": PARAMETER, "name": TEXT, "key": TEXT}))}
)

# the Prometheus operator
ENDPOINT = exactly(
    {"port": TEXT, "path": TEXT, "interval": DURATION},
    scheme={"enum": ["http", "https"]},
    tlsConfig=exactly({"insecureSkipVerify": {"type": "boolean"}}),
)
SERVICE_MONITOR = exactly(
    {
        "selector": exactly(
            {"matchExpressions": each(exactly({"key": TEXT, "operator": {"enum": ["In"]}, "values": each(TEXT)}))}
        ),
        "endpoints": each(ENDPOINT),
    },
    podTargetLabels=each(TEXT),
)
RULE = exactly({"alert": TEXT, "expr": TEXT, "labels": TEXTS, "annotations": TEXTS}, **{"for": DURATION})
PROMETHEUS_RULE = exactly({"groups": each(exactly({"name": TEXT, "rules": each(RULE)}))})

SCHEMAS: dict[tuple[str, str], Schema] = {
    ("keda.sh/v1alpha1", "ScaledObject"): resource(SCALED_OBJECT),
    ("keda.sh/v1alpha1", "TriggerAuthentication"): resource(TRIGGER_AUTHENTICATION),
    ("monitoring.coreos.com/v1", "ServiceMonitor"): resource(SERVICE_MONITOR),
    ("monitoring.coreos.com/v1", "PrometheusRule"): resource(PROMETHEUS_RULE),
}
