"""Files, with the stock Python client."""

import os
import unittest
from uuid import uuid4

from storage3.exceptions import StorageApiError
from supabase import acreate_client


class Files(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        client = await acreate_client(os.environ["SUPABASE_URL"], os.environ["SUPABASE_SERVICE_ROLE_KEY"])
        self.storage = client.storage
        self.name = f"py-{uuid4()}"
        await self.storage.create_bucket(self.name, options={"public": False, "file_size_limit": 1000})
        self.files = self.storage.from_(self.name)

    async def test_a_file_goes_up_and_comes_down(self):
        await self.files.upload("a/b.txt", b"hello", {"content-type": "text/plain", "cache-control": "60"})
        self.assertEqual(await self.files.download("a/b.txt"), b"hello")
        self.assertTrue(await self.files.exists("a/b.txt"))
        info = await self.files.info("a/b.txt")
        self.assertEqual(info["size"], 5)
        await self.files.update("a/b.txt", b"other", {"content-type": "text/plain"})
        self.assertEqual(await self.files.download("a/b.txt"), b"other")
        with self.assertRaises(StorageApiError) as refused:
            await self.files.upload("big.txt", b"x" * 2000)
        self.assertEqual(str(refused.exception.status), "413")

    async def test_files_are_listed_moved_copied_signed_and_removed(self):
        await self.files.upload("a.txt", b"hello", {"content-type": "text/plain"})
        await self.files.move("a.txt", "b/c.txt")
        await self.files.copy("b/c.txt", "d.txt")
        self.assertEqual([entry["name"] for entry in await self.files.list()], ["b", "d.txt"])
        signed = await self.files.create_signed_url("d.txt", 60)
        self.assertIn("token=", signed["signedURL"])
        upload = await self.files.create_signed_upload_url("e.txt")
        await self.files.upload_to_signed_url(upload["path"], upload["token"], b"signed", {"content-type": "text/plain"})
        self.assertEqual(await self.files.download("e.txt"), b"signed")
        gone = await self.files.remove(["d.txt", "e.txt", "none"])
        self.assertEqual(len(gone), 2)

    async def asyncTearDown(self):
        await self.storage.empty_bucket(self.name)
        await self.storage.delete_bucket(self.name)
