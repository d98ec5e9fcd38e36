-- Pictures that were looked at: how large they are, and the same without what was noted in them.

create or replace function storage.settle_picture(version uuid, width integer, height integer, is_bare boolean,
                                                  replacement uuid, size bigint, md5 text, sha256 text)
returns void
language plpgsql
security definer set search_path = ''   -- the server looks at the bytes of all
as $$
begin
  update storage.objects o
     set version = coalesce(replacement::text, o.version),
         metadata = o.metadata || jsonb_strip_nulls(jsonb_build_object(
           'width', width, 'height', height, 'isBare', nullif(is_bare, false), 'size', settle_picture.size,
           'contentLength', settle_picture.size, 'eTag', '"' || md5 || '"')),
         sha256 = coalesce(settle_picture.sha256, o.sha256)
   where o.version = settle_picture.version::text;
  if replacement is null then
    return;
  elsif found then
    perform storage.keep_blob(replacement, settle_picture.size);
  else
    -- Deleted or overwritten meanwhile.
    perform storage.give_up_blob(replacement);
  end if;
end
$$;
comment on function storage.settle_picture(uuid, integer, integer, boolean, uuid, bigint, text, text) is
  'Takes the version of a picture, how large it is shown, whether nothing is noted in it any more, and the name, size and digests of the bytes that take its place, or null where none do; writes that down. Errors: PT408 where these were swept away meanwhile.';

revoke execute on function storage.settle_picture from public;
grant execute on function storage.settle_picture to authenticator;
