select app.reset('public.user_restrictions');

-- Nobody is to find out that they are shadow-banned, so nobody reads it but the service.
grant select, insert, update, delete on public.user_restrictions to service_role;
