-- Resumable uploads and derivatives: what hangs on entries of the ledger, and goes with them.

create or replace function storage.add_piece(upload uuid, starts_at bigint, piece uuid, size bigint, life interval)
returns void
language plpgsql
set search_path = ''
as $$
declare
  pieces integer;
begin
  update storage.resumable_uploads u set received = u.received + add_piece.size, pieces = u.pieces + 1
   where u.version = add_piece.upload and u.received = add_piece.starts_at
  returning u.pieces into pieces;
  if not found then
    raise sqlstate 'PT423' using message = 'Another request goes on with this upload';
  end if;
  if pieces > 10000 then
    raise sqlstate 'PT400' using message = 'The upload comes in too many pieces';
  end if;
  insert into storage.resumable_pieces (upload, starts_at, version)
  values (add_piece.upload, add_piece.starts_at, add_piece.piece);
  perform storage.keep_blob(add_piece.piece, add_piece.size);
  update storage.blobs b set until = pg_catalog.now() + add_piece.life
   where b.version = add_piece.upload and b.state = 'writing';
end
$$;
comment on function storage.add_piece(uuid, bigint, uuid, bigint, interval) is
  'Takes an upload, where a piece of it begins, the name and size of the piece, and how long the upload lives from now; adds it. Errors: PT423 where somebody else added one there.';

create or replace function storage.settle_upload()
returns trigger
language plpgsql
security definer set search_path = ''   -- whoever lets go of bytes may not touch the uploads
as $$
begin
  delete from storage.resumable_uploads u where u.version = new.version;
  if new.state = 'doomed' then
    delete from storage.derivatives d where d.source = new.version;
  end if;
  return null;
end
$$;
comment on function storage.settle_upload() is
  'Ends a resumable upload when its bytes are kept or let go of, and drops what was made of a version that goes.';

create or replace trigger on_blobs_update__settle_upload
after update of state on storage.blobs
for each row when (old.state is distinct from new.state)
execute function storage.settle_upload();

create or replace function storage.forget_verdict()
returns trigger
language plpgsql
security definer set search_path = ''   -- as settle_upload
as $$
begin
  delete from storage.scans s where s.version = old.version;
  return null;
end
$$;
comment on function storage.forget_verdict() is 'What a scanner said of bytes goes with them.';

create or replace trigger on_blobs_delete__forget_verdict
after delete on storage.blobs
for each row execute function storage.forget_verdict();

create or replace function storage.doom_piece()
returns trigger
language plpgsql
security definer set search_path = ''   -- as settle_upload
as $$
begin
  update storage.blobs b set state = 'doomed', since = pg_catalog.now() where b.version = old.version;
  if found then
    perform pg_catalog.pg_notify('walkie', 'storage');
  end if;
  return null;
end
$$;
comment on function storage.doom_piece() is 'Lets go of the bytes of a piece or a derivative whose row went.';

create or replace trigger on_resumable_pieces_delete__doom_piece
after delete on storage.resumable_pieces
for each row execute function storage.doom_piece();

create or replace trigger on_derivatives_delete__doom_piece
after delete on storage.derivatives
for each row execute function storage.doom_piece();

create or replace function storage.add_derivative(
  source uuid, transformation text, derivative uuid, size bigint, mimetype text, etag text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform from storage.blobs b where b.version = add_derivative.source and b.state = 'kept' for key share;
  if found then
    insert into storage.derivatives (source, transformation, version, size, mimetype, etag)
    values (add_derivative.source, add_derivative.transformation, add_derivative.derivative, add_derivative.size,
            add_derivative.mimetype, add_derivative.etag)
    on conflict on constraint derivatives_pkey do nothing;
  end if;
  if not found then
    perform storage.give_up_blob(add_derivative.derivative);
    return;
  end if;
  perform storage.keep_blob(add_derivative.derivative, add_derivative.size);
  -- Whoever asks for every size there is does not fill the disk.
  delete from storage.derivatives d
   where d.source = add_derivative.source
     and d.version in (select other.version
                         from storage.derivatives other
                        where other.source = add_derivative.source
                        order by other.created_at desc, other.version
                       offset 32);
end
$$;
comment on function storage.add_derivative(uuid, text, uuid, bigint, text, text) is
  'Takes a version, a transformation, and name, size, type and ETag of what was made; keeps it, and the latest 32 of a version.';

revoke execute on function storage.add_piece, storage.settle_upload, storage.forget_verdict, storage.doom_piece, storage.add_derivative from public;
