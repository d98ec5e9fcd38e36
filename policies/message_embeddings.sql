select app.reset('public.message_embeddings');

-- What words mean gives away what they say: the service writes it, and people find by it through search_hybrid alone.
grant select, insert, update, delete on public.message_embeddings to service_role;
