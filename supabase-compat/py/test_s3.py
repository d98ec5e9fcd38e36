"""boto3 and rclone against /storage/v1/s3, with the keys that `walkie dev` knows."""

import filecmp
import io
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from uuid import uuid4

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = f"{os.environ['SUPABASE_URL']}/storage/v1/s3"
ACCESS_KEY = "625729a08b95bf1b7ff351a663f3a23c"
SECRET_KEY = "850181e4652dd023b7a98c58ae0d2d34bd487ee0cc3254aed6eda37307425907"
MIB = 1024 * 1024


def connect(secret=SECRET_KEY, **more):
    return boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name="local",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"} | more),
    )


class Boto3Test(unittest.TestCase):
    def setUp(self):
        self.client = connect()
        self.addCleanup(self.client.close)
        self.bucket = f"py-{uuid4()}"
        self.client.create_bucket(Bucket=self.bucket)

    def code(self, call, **arguments):
        with self.assertRaises(ClientError) as refused:
            call(**arguments)
        return refused.exception.response["Error"]["Code"]

    def test_objects_come_and_go(self):
        place = {"Bucket": self.bucket, "Key": "a folder/ü.txt"}
        self.client.put_object(**place, Body=b"hello", ContentType="text/plain", Metadata={"mood": "good"})
        got = self.client.get_object(**place)
        self.assertEqual(got["Body"].read(), b"hello")
        self.assertEqual((got["ContentType"], got["Metadata"]), ("text/plain", {"mood": "good"}))
        self.client.delete_object(**place)
        self.assertEqual(self.code(self.client.get_object, **place), "NoSuchKey")

    def test_large_files_go_in_parts_and_come_in_ranges(self):
        content = os.urandom(17 * MIB)
        transfer = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=5 * MIB)
        self.client.upload_fileobj(io.BytesIO(content), self.bucket, "large", Config=transfer)
        self.assertTrue(self.client.head_object(Bucket=self.bucket, Key="large")["ETag"].endswith('-4"'))
        copy = {"Bucket": self.bucket, "Key": "large"}
        self.client.copy(copy, self.bucket, "copy", Config=transfer)
        back = io.BytesIO()
        self.client.download_fileobj(self.bucket, "copy", back, Config=transfer)
        self.assertEqual(back.getvalue(), content)

    def test_signed_payloads_and_old_signatures(self):
        signed = connect(payload_signing_enabled=True)
        self.addCleanup(signed.close)
        signed.put_object(Bucket=self.bucket, Key="x", Body=io.BytesIO(b"hello"))
        self.assertEqual(self.client.get_object(Bucket=self.bucket, Key="x")["Body"].read(), b"hello")
        wrong = connect(secret="another")
        self.addCleanup(wrong.close)
        self.assertEqual(self.code(wrong.list_objects_v2, Bucket=self.bucket), "SignatureDoesNotMatch")

    def test_pages(self):
        for number in range(5):
            self.client.put_object(Bucket=self.bucket, Key=f"a/{number}", Body=b"")
        for form in ["list_objects", "list_objects_v2"]:
            pages = self.client.get_paginator(form).paginate(
                Bucket=self.bucket, Prefix="a/", PaginationConfig={"PageSize": 2}
            )
            keys = [entry["Key"] for page in pages for entry in page["Contents"]]
            self.assertEqual(keys, [f"a/{number}" for number in range(5)], form)


@unittest.skipUnless(shutil.which("rclone"), "rclone is not installed")
class RcloneTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="walkie-rclone-"))
        self.addCleanup(shutil.rmtree, self.folder)
        remote = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ENDPOINT": ENDPOINT,
            "REGION": "local",
            "ACCESS_KEY_ID": ACCESS_KEY,
            "SECRET_ACCESS_KEY": SECRET_KEY,
            "CHUNK_SIZE": "5Mi",
            "UPLOAD_CUTOFF": "8Mi",
        }
        named = {f"RCLONE_CONFIG_WALKIE_{name}": value for name, value in remote.items()}
        # Certificates of its own make rclone refuse to start; there are none here.
        own = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
        self.environment = own | named | {"RCLONE_CONFIG": str(self.folder / "none.conf")}
        self.place = f"walkie:rclone-{uuid4()}"

    def rclone(self, *arguments):
        done = subprocess.run(
            ["rclone", *map(str, arguments)], env=self.environment, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_a_folder_goes_there_and_back(self):
        here, back = self.folder / "here", self.folder / "back"
        (here / "deep" / "er").mkdir(parents=True)
        (here / "small.txt").write_text("hello")
        (here / "deep" / "ünïcödé + & space.txt").write_text("names")
        (here / "deep" / "er" / "large.bin").write_bytes(os.urandom(12 * MIB))
        self.rclone("mkdir", self.place)
        self.rclone("sync", here, self.place)
        self.rclone("check", here, self.place)
        self.assertEqual(sorted(self.rclone("lsf", "-R", "--files-only", self.place).split("\n"))[1:], [
            "deep/er/large.bin", "deep/ünïcödé + & space.txt", "small.txt",
        ])
        self.rclone("sync", self.place, back)
        for name in ["small.txt", "deep/er/large.bin", "deep/ünïcödé + & space.txt"]:
            self.assertTrue(filecmp.cmp(here / name, back / name, shallow=False), name)
        (here / "small.txt").unlink()
        self.rclone("sync", here, self.place)
        self.assertNotIn("small.txt", self.rclone("lsf", self.place))
        self.rclone("moveto", f"{self.place}/deep/er/large.bin", f"{self.place}/moved.bin")
        self.assertIn("moved.bin", self.rclone("lsf", self.place))
        self.rclone("purge", self.place)


if __name__ == "__main__":
    unittest.main()
