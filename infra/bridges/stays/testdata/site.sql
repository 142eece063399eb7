-- A gîtes database as far as it is read, with rows as its two writers left them: a day twice, a code with a space before
-- it, a code of two cottages, a cottage without one.
CREATE TABLE proprio (
    pro_pk int PRIMARY KEY, pro_nom1 varchar, pro_prenom1 varchar, pro_email varchar, pro_etat bool, pro_langue varchar
);
CREATE TABLE hebergement (
    heb_pk int PRIMARY KEY, heb_nom varchar, heb_code_cgt varchar, heb_site_public varchar, heb_pro_fk int,
    heb_calendrier_proprio varchar DEFAULT 'non actif', heb_calendrier_proprio_date_maj date
);
CREATE TABLE reservation_proprio (
    res_id serial PRIMARY KEY, res_type varchar NOT NULL, heb_fk int NOT NULL, pro_fk int, res_date timestamp NOT NULL,
    res_date_cre timestamp NOT NULL DEFAULT now()
);
INSERT INTO proprio VALUES
    (7, 'Lambert', 'A.', 'lambert@example.org', true, 'FR'),
    (8, 'Peeters', NULL, NULL, NULL, NULL);
INSERT INTO hebergement VALUES
    (1, 'La Grange', 'GFLX0101', '1', 7, 'searchactif'),
    (2, 'Le Moulin', ' GFLX0102', '0', 99, NULL),
    (3, 'No code', '', '1', 7, 'actif'),
    (4, 'The same code', 'GFLX0101', '1', 8, 'bloque');
INSERT INTO reservation_proprio (res_type, heb_fk, pro_fk, res_date) VALUES
    ('loue', 1, 7, current_date + 1),
    ('loue', 1, 7, current_date + 2),
    ('loue', 1, 7, current_date + 2),
    ('loue', 1, 7, current_date + 3),
    ('indisp', 1, 7, current_date + 4),
    ('loue', 2, NULL, current_date + 9),
    ('loue', 1, 7, current_date - 9),
    ('loue', 3, 7, current_date + 1);
