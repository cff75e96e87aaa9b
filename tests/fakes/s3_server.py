"""moto's S3 as a server of this process, with users whose keys are checked as AWS does."""

import json
import logging
import secrets
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import boto3
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.server import ThreadedMotoServer

REGION = "us-east-1"


class S3Server:
    """A server with one bucket. moto checks the signature of each request, but not that of links."""

    def __init__(self) -> None:
        self._tag = secrets.token_hex(4)  # a process's servers share all of moto's state
        self.bucket = f"pictures-{self._tag}"

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self.url = "http://{}:{}".format(*self._server.get_host_and_port())
        self._check_keys(float("inf"))
        self._iam = self._client("iam")
        self._client("s3").create_bucket(Bucket=self.bucket)
        self.key_id, self.secret = self.user("painter", "*")
        self._s3 = self._client("s3", self.key_id, self.secret)
        self._check_keys(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._check_keys(float("inf"))
        self._iam.close()
        self._s3.close()
        self._server.stop()

    def user(self, name: str, *actions: str) -> tuple[str, str]:
        """Make a user that may do these actions; return its key's id and secret."""
        self._check_keys(float("inf"))
        name = f"{name}-{self._tag}"
        allowed = {"Effect": "Allow", "Action": [f"s3:{action}" for action in actions], "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._iam.create_user(UserName=name)
        self._iam.put_user_policy(UserName=name, PolicyName="pictures", PolicyDocument=policy)
        key = self._iam.create_access_key(UserName=name)["AccessKey"]
        self._check_keys(0)
        return key["AccessKeyId"], key["SecretAccessKey"]

    def settings(self, **changes: object) -> dict[str, object]:
        """Return a worker's settings for the bucket."""
        return {
            "s3_bucket": self.bucket,
            "s3_endpoint": self.url,
            "s3_region": REGION,
            "aws_access_key_id": self.key_id,
            "aws_secret_access_key": self.secret,
            "bucket_seconds": 5,
            **changes,
        }

    def follow(self, link: str) -> requests.Response:
        """Return the response of a signed link, after a check of its signature by Amazon's own code: moto has none."""
        unsigned, _, signature = link.partition("&X-Amz-Signature=")
        query = dict(parse_qsl(urlsplit(link).query))
        auth = S3SigV4QueryAuth(Credentials(self.key_id, self.secret), "s3", REGION, int(query["X-Amz-Expires"]))
        request = AWSRequest("GET", unsigned, headers={"host": urlsplit(link).netloc})
        request.context["timestamp"] = query["X-Amz-Date"]
        text = auth.string_to_sign(request, auth.canonical_request(request))
        assert auth.signature(text, request) == signature
        self._check_keys(float("inf"))
        try:
            return requests.get(link, timeout=5)
        finally:
            self._check_keys(0)

    def serve_links(self) -> None:
        """Serve signed links from now on, whatever their signature: moto can check none."""
        self._check_keys(float("inf"))

    def names(self) -> list[str]:
        """Return the names of all objects in the bucket."""
        return [found["Key"] for found in self._s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]

    def versions(self) -> list[str]:
        """Return a version for each upload since `keep_versions` was called."""
        return [found["VersionId"] for found in self._s3.list_object_versions(Bucket=self.bucket)["Versions"]]

    def keep_versions(self) -> None:
        """Give each upload a version of its own."""
        self._s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})

    def _check_keys(self, after: float) -> None:
        requests.post(f"{self.url}/moto-api/reset-auth", data=str(after), timeout=10).raise_for_status()

    def _client(self, service: str, *key: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key[0] if key else "any",
            aws_secret_access_key=key[1] if key else "any",
        )
