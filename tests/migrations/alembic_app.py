"""SQLAlchemy and Alembic build a schema, change it, work with it and take it back. Arguments: port, database, stage."""
import sys, os, tempfile, shutil
port, db = sys.argv[1], sys.argv[2]
from alembic.config import Config
from alembic import command
import sqlalchemy as sa
from sqlalchemy.orm import declarative_base, Session, relationship
folder = tempfile.mkdtemp(); url=f'postgresql+psycopg2://postgres@127.0.0.1:{port}/{db}'
cfg = Config(folder+'/alembic.ini'); cfg.set_main_option('script_location', folder+'/m'); cfg.set_main_option('sqlalchemy.url', url); cfg.print_stdout=lambda *a,**k: None
import logging; logging.disable(logging.CRITICAL)
Base = declarative_base()
class Author(Base):
    __tablename__='author'; id=sa.Column(sa.Integer, primary_key=True); name=sa.Column(sa.String(50), index=True); mood=sa.Column(sa.Enum('a','b',name='mood'), server_default='a')
    books=relationship('Book')
class Book(Base):
    __tablename__='book'; id=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True); author_id=sa.Column(sa.ForeignKey('author.id')); title=sa.Column(sa.Text); data=sa.Column(sa.JSON)
try:
    import io, contextlib
    with contextlib.redirect_stdout(io.StringIO()): command.init(cfg, folder+'/m')
    env=open(folder+'/m/env.py').read().replace('target_metadata = None','target_metadata = config.attributes["md"]').replace('if config.config_file_name is not None:','if False:')
    open(folder+'/m/env.py','w').write(env); cfg.attributes['md']=Base.metadata
    with contextlib.redirect_stdout(io.StringIO()):
        command.revision(cfg, 'one', autogenerate=True, rev_id='1'); command.upgrade(cfg,'head')
    e=sa.create_engine(url)
    if sys.argv[3] == 'build': sys.exit(0)
    with Session(e) as s:
        a=Author(name='A', books=[Book(title='x'),Book(title='y')]); s.add_all([a, Author(name='B', mood='b')]); s.commit()
        print(s.execute(sa.select(Author.name, sa.func.count(Book.id)).outerjoin(Book, Book.author_id==Author.id).group_by(Author.name).order_by(Author.name)).all())
        s.execute(sa.update(Author).where(Author.id==1).values(name='AA')); s.commit()
        print([(x.id,x.name,x.mood,len(x.books)) for x in s.scalars(sa.select(Author).order_by(Author.id))])
        s.delete(s.get(Author,2)); s.commit(); print(s.scalar(sa.select(sa.func.count()).select_from(Author)))
    Author.age=sa.Column(sa.Integer, server_default='3'); 
    with contextlib.redirect_stdout(io.StringIO()):
        command.revision(cfg,'two',autogenerate=True,rev_id='2')
    open(folder+'/m/versions/2_two.py','a').write('''
_up=upgrade
def upgrade():
    _up(); op.alter_column("book","title",type_=sa.String(20)); op.create_index("i","book",["author_id"]); op.alter_column("book","title",new_column_name="heading"); op.execute("UPDATE author SET age = age + 1")
_down=downgrade
def downgrade():
    op.alter_column("book","heading",new_column_name="title"); op.drop_index("i"); _down()
''')
    with contextlib.redirect_stdout(io.StringIO()): command.upgrade(cfg,'head')
    i=sa.inspect(e); print([c['name'] for c in i.get_columns('author')],[c['name'] for c in i.get_columns('book')], i.get_pk_constraint('author')['name'], sorted(x['name'] for x in i.get_indexes('book')))
    with e.connect() as c: print(c.execute(sa.text('select age from author order by id')).all())
    with contextlib.redirect_stdout(io.StringIO()): command.downgrade(cfg,'base')
    print(sorted(sa.inspect(e).get_table_names()))
except Exception as ex:
    print('ERR', type(ex).__name__, ex)
finally: shutil.rmtree(folder)
